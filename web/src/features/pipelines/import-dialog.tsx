import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { ImportResult } from '@/api/gen'
import { createPipeline } from '@/api/gen'
import { importTextMutation, listPipelinesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { FindingLine } from '@/ui/finding-line'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { CodeEditor } from '@/ui/code-editor'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'

type Format = 'auto' | 'yaml' | 'toml' | 'json'
type Named = ImportResult['documents'][number]

/** Reads a pasted Vector configuration, shows what was found, and makes pipelines of it. */
export function ImportDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [text, setText] = useState('')
  const [format, setFormat] = useState<Format>('auto')
  const [documents, setDocuments] = useState<Named[]>([])
  const read = useMutation({ ...importTextMutation(), onSuccess: (result) => setDocuments(result.documents) })
  const create = useMutation({
    mutationFn: async () => {
      const ids: string[] = []
      for (const { name, document } of documents) {
        const { data } = await createPipeline({ path, body: { name, description: '', document }, throwOnError: true })
        ids.push(data.id)
        // What is made already is not made twice when a later one fails.
        setDocuments((left) => left.filter((each) => each.document !== document))
      }
      return ids
    },
    onSuccess: async (ids) => {
      close()
      await queryClient.invalidateQueries({ queryKey: listPipelinesQueryKey({ path }).slice(0, 1) })
      notify(t('{n, plural, one {# pipeline} other {# pipelines}} imported.', { n: ids.length }))
      const [only] = ids
      if (ids.length === 1 && only !== undefined) await navigate({ to: '/$org/$env/pipelines/$pipelineId', params: { org, env, pipelineId: only } })
    },
  })
  const close = () => {
    setText('')
    setDocuments([])
    read.reset()
    onClose()
  }
  const rename = (index: number, name: string) =>
    setDocuments((before) => before.map((each, at) => (at === index ? { ...each, name } : each)))
  const hasResult = documents.length > 0
  const footer = (
    <>
      <Button onPress={close}>{t('Cancel')}</Button>
      {hasResult ? (
        <Button variant="primary" isDisabled={create.isPending || documents.some((each) => each.name.trim() === '')} onPress={() => create.mutate()}>
          {t('Create {n, plural, one {# pipeline} other {# pipelines}}', { n: documents.length })}
        </Button>
      ) : (
        <Button variant="primary" isDisabled={text.trim() === '' || read.isPending} onPress={() => read.mutate({ path, body: { text, format } })}>
          {t('Read')}
        </Button>
      )}
    </>
  )
  return (
    <Dialog title={t('Import a Vector configuration')} isOpen={isOpen} onClose={close} width="wide" footer={footer}>
      <div className="flex flex-col gap-3">
        {!hasResult && (
          <>
            <Select
              label={t('Format')}
              className="max-w-48"
              value={format}
              onChange={(next) => setFormat(next as Format)}
              choices={[
                { id: 'auto', label: t('Find out') },
                { id: 'yaml', label: 'YAML' },
                { id: 'toml', label: 'TOML' },
                { id: 'json', label: 'JSON' },
              ]}
            />
            <div className="max-h-[45vh] overflow-auto">
              <CodeEditor label={t('Configuration text')} language={format === 'toml' ? 'text' : 'yaml'} value={text} onChange={setText} minLines={14} />
            </div>
          </>
        )}
        {documents.map((each, index) => (
          <TextField
            key={index}
            label={t('Name, {n, plural, one {# component} other {# components}}', { n: each.document.components?.length ?? 0 })}
            value={each.name}
            onChange={(name) => rename(index, name)}
          />
        ))}
        {read.data?.findings.map((finding, index) => (
          <div key={index} className="flex gap-2">
            <span className="w-20 shrink-0 text-sm text-secondary tabular-nums">
              {finding.line == null ? '' : t('line {line}', { line: finding.line })}
            </span>
            <FindingLine finding={finding} />
          </div>
        ))}
        {(read.error ?? create.error) !== null && <InlineError error={read.error ?? create.error} />}
      </div>
    </Dialog>
  )
}
