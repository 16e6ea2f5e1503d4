import { useState } from 'react'
import type { PipelineFiling, PipelineSummary } from '@/api/gen'
import { filePipelines } from '@/api/gen'
import { listPipelineFoldersQueryKey, listPipelinesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import type { Listed } from '@/app/optimistic'
import { useOptimistic, withItems } from '@/app/optimistic'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'
import { filed, tagChanges, tagList } from './tag-changes'

/** What all of them have in common, as the dialog begins with. */
function commonTags(pipelines: PipelineSummary[]): string[] {
  const [first, ...rest] = pipelines
  return (first?.tags ?? []).filter((tag) => rest.every((each) => each.tags.includes(tag)))
}

/** Puts pipelines into a folder and under tags; for several, what they do not share stays as it is. */
export function FilingDialog({ pipelines, onClose, onDone }: { pipelines: PipelineSummary[]; onClose: () => void; onDone?: () => void }) {
  const path = useScope()
  const folders = new Set(pipelines.map((each) => each.folder))
  const shared = folders.size === 1 ? ([...folders][0] ?? '') : null
  const before = commonTags(pipelines)
  const [folder, setFolder] = useState(shared ?? '')
  const [tags, setTags] = useState(before.join(', '))
  const [touched, setTouched] = useState(false)
  const file = useOptimistic({
    queryKey: listPipelinesQueryKey({ path }),
    also: [listPipelineFoldersQueryKey({ path })],
    inForm: true,
    mutationFn: (body: PipelineFiling) => filePipelines({ path, body, throwOnError: true }),
    expect: (seen: Listed<PipelineSummary>, filing) => withItems(seen, (items) => items.map((each) => (filing.pipelines.includes(each.id) ? filed(each, filing) : each))),
    onSuccess: () => {
      notify(t('{n, plural, one {# pipeline is} other {# pipelines are}} filed.', { n: pipelines.length }))
      onDone?.()
      onClose()
    },
  })
  const save = () => {
    const { add, remove } = tagChanges(before, tagList(tags))
    file.mutate({ pipelines: pipelines.map((each) => each.id), add_tags: add, remove_tags: remove, ...(touched ? { folder } : {}) })
  }
  const title =
    pipelines.length === 1 && pipelines[0] !== undefined
      ? t('Folder and tags of {name}', { name: pipelines[0].name })
      : t('Folder and tags of {n} pipelines', { n: pipelines.length })
  return (
    // The list shows it at once. A refusal brings the form back, with what was typed.
    <Dialog
      isOpen={!file.isPending}
      onClose={onClose}
      title={title}
      footer={
        <>
          <Button onPress={onClose}>{t('Cancel')}</Button>
          <Button variant="primary" isDisabled={file.isPending} onPress={save}>
            {t('Save')}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <TextField
          label={t('Folder')}
          value={folder}
          onChange={(value) => {
            setTouched(true)
            setFolder(value)
          }}
          placeholder={shared === null ? t('Several; they stay unless you write here') : 'edge/eu'}
          hint={t('A path such as edge/eu. Empty for none.')}
        />
        <TextField
          label={t('Tags')}
          value={tags}
          onChange={setTags}
          hint={pipelines.length > 1 ? t('Separated by commas. These are the ones that all of them have.') : t('Separated by commas.')}
        />
      </div>
      {file.error !== null && <InlineError error={file.error} />}
    </Dialog>
  )
}
