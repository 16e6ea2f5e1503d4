import { FileUp, FolderUp } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { FileTrigger } from 'react-aria-components'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Select } from '@/ui/select'
import { InlineError, LoadingState } from '@/ui/states'
import type { Given } from './read-files'
import { readFiles, refusalOf } from './read-files'

// The page can be used before the editor, which is large, is there.
const CodeEditor = lazy(async () => ({ default: (await import('@/ui/code-editor')).CodeEditor }))

export type Format = 'auto' | 'yaml' | 'toml' | 'json'
export type Source = { text: string; format: Format } | Given

/** Takes a configuration: pasted, as files, or as a folder. */
export function ReadForm({ isPending, error, onRead }: { isPending: boolean; error: unknown; onRead: (source: Source) => void }) {
  const [text, setText] = useState('')
  const [format, setFormat] = useState<Format>('auto')
  const [refused, setRefused] = useState<unknown>(null)
  const take = async (list: FileList | null, isDirectory: boolean) => {
    setRefused(null)
    try {
      if (list !== null) onRead(await readFiles(Array.from(list), isDirectory))
    } catch (problem) {
      setRefused(problem)
    }
  }
  const tooLarge = refusalOf(text)
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-end gap-2">
        <FileTrigger allowsMultiple acceptedFileTypes={['.yaml', '.yml', '.toml', '.json']} onSelect={(list) => void take(list, false)}>
          <Button isDisabled={isPending}>
            <FileUp aria-hidden size={14} />
            {t('Choose files…')}
          </Button>
        </FileTrigger>
        <FileTrigger acceptDirectory onSelect={(list) => void take(list, true)}>
          <Button isDisabled={isPending}>
            <FolderUp aria-hidden size={14} />
            {t('Choose a folder…')}
          </Button>
        </FileTrigger>
        <span className="py-1 text-secondary">{t('or paste a configuration:')}</span>
        <div className="flex-1" />
        <Select
          label={t('Format')}
          className="w-36"
          value={format}
          onChange={(next) => setFormat(next as Format)}
          choices={[
            { id: 'auto', label: t('Find out') },
            { id: 'yaml', label: 'YAML' },
            { id: 'toml', label: 'TOML' },
            { id: 'json', label: 'JSON' },
          ]}
        />
      </div>
      <div className="max-h-[50vh] overflow-auto">
        <Suspense fallback={<LoadingState rows={8} />}>
          <CodeEditor label={t('Configuration text')} language={format === 'toml' ? 'text' : 'yaml'} value={text} onChange={setText} minLines={14} />
        </Suspense>
      </div>
      {tooLarge !== null && <p className="text-bad">{tooLarge}</p>}
      {(refused ?? error) !== null && <InlineError error={refused ?? error} />}
      <Button variant="primary" className="self-start" isDisabled={text.trim() === '' || tooLarge !== null || isPending} onPress={() => onRead({ text, format })}>
        {isPending ? t('Reading…') : t('Read')}
      </Button>
    </div>
  )
}
