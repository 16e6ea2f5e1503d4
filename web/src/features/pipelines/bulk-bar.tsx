import { useMutation } from '@tanstack/react-query'
import { FolderInput, Trash2, X } from 'lucide-react'
import { useState } from 'react'
import type { PipelineSummary } from '@/api/gen'
import { deletePipeline, getPipeline } from '@/api/gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { describeError } from '@/lib/problem'
import { Button, IconButton } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { notify } from '@/ui/toast'
import { FilingDialog } from './filing-dialog'
import { useRefresh } from './use-refresh'

type BulkBarProps = { chosen: PipelineSummary[]; onClear: () => void; onKeep: (ids: Set<string>) => void }

/** What can be done to all chosen pipelines at once. */
export function BulkBar({ chosen, onClear, onKeep }: BulkBarProps) {
  const [asks, setAsks] = useState<'file' | 'delete' | null>(null)
  return (
    <div role="toolbar" aria-label={t('Chosen pipelines')} className="sticky top-0 z-10 mb-2 rounded-md bg-background">
      <div className="flex flex-wrap items-center gap-2 rounded-md bg-unknown-tint px-2 py-1">
        <span className="mr-2" aria-live="polite">
          {t('{n, plural, one {# pipeline} other {# pipelines}} chosen', { n: chosen.length })}
        </span>
        <Button onPress={() => setAsks('file')}>
          <FolderInput aria-hidden size={14} />
          {t('Folder and tags…')}
        </Button>
        <Button variant="danger" onPress={() => setAsks('delete')}>
          <Trash2 aria-hidden size={14} />
          {t('Delete…')}
        </Button>
        <IconButton label={t('Choose none')} onPress={onClear}>
          <X aria-hidden size={14} />
        </IconButton>
      </div>
      {/* eslint-disable house/open-in-address -- about rows that were ticked here; a link to them would be as long as the list */}
      {asks === 'file' && <FilingDialog pipelines={chosen} onClose={() => setAsks(null)} onDone={onClear} />}
      {asks === 'delete' && <DeleteChosen chosen={chosen} onClose={() => setAsks(null)} onKeep={onKeep} />}
      {/* eslint-enable house/open-in-address */}
    </div>
  )
}

type Failure = { pipeline: PipelineSummary; message: string }

function DeleteChosen({ chosen, onClose, onKeep }: { chosen: PipelineSummary[]; onClose: () => void; onKeep: (ids: Set<string>) => void }) {
  const scope = useScope()
  const refresh = useRefresh()
  const [failures, setFailures] = useState<Failure[]>([])
  const remove = useMutation({
    mutationFn: async () => {
      const failed: Failure[] = []
      for (const pipeline of chosen) {
        const path = { ...scope, id: pipeline.id }
        try {
          const { data } = await getPipeline({ path, throwOnError: true })
          await deletePipeline({ path, headers: { 'If-Match': data.etag }, throwOnError: true })
        } catch (error) {
          failed.push({ pipeline, message: describeError(error).detail })
        }
      }
      return failed
    },
    onSuccess: (failed) => {
      refresh()
      const gone = chosen.length - failed.length
      if (gone > 0) notify(t('{n, plural, one {# pipeline is} other {# pipelines are}} deleted.', { n: gone }))
      if (failed.length === 0) onClose()
      else setFailures(failed)
      onKeep(new Set(failed.map((each) => each.pipeline.id)))
    },
  })
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Delete {n, plural, one {# pipeline} other {# pipelines}}?', { n: chosen.length })}
      confirmLabel={t('Delete')}
      isPending={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      <p>{t('The drafts and all revisions go. Pipelines that still run on nodes must be stopped first.')}</p>
      {failures.length > 0 && (
        <ul role="alert" className="mt-2 text-bad">
          {failures.map(({ pipeline, message }) => (
            <li key={pipeline.id}>
              {pipeline.name}: {message}
            </li>
          ))}
        </ul>
      )}
    </ConfirmDialog>
  )
}
