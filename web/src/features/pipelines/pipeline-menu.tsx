import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { CircleStop, CopyPlus, Ellipsis, FileInput, FolderInput, History, LayoutTemplate, Rocket, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { PipelineSummary } from '@/api/gen'
import { createPipeline, deletePipeline, getPipeline, listPipelines, stopPipeline } from '@/api/gen'
import { copyName } from './copy-name'
import { FilingDialog } from './filing-dialog'
import { useRefresh } from './use-refresh'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { SaveTemplateDialog } from '@/features/templates/save-dialog'
import { t } from '@/lib/i18n'
import { IconButton } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Menu } from '@/ui/menu'
import { InlineError } from '@/ui/states'
import { notify, notifyError } from '@/ui/toast'

type Asked = 'delete' | 'stop' | 'file' | 'template'
export type AskAbout = (what: Asked, about: PipelineSummary) => void

/** What is asked about a pipeline of the list, and the dialog in which it is answered. */
export function usePipelineDialogs(rows: PipelineSummary[] | undefined): { ask: AskAbout; dialogs: ReactNode } {
  const path = useScope()
  const can = useCan()
  const one = async (id: string) => (await getPipeline({ path: { ...path, id }, throwOnError: true })).data
  const asked = {
    file: useRowDialog<PipelineSummary>('filing', rows, { one, may: can('pipeline.edit') }),
    template: useRowDialog<PipelineSummary>('save-template', rows, { one, may: can('library.edit') }),
    delete: useRowQuestion<PipelineSummary>('delete', rows, { one }),
    stop: useRowQuestion<PipelineSummary>('stop', rows, { one }),
  }
  const { file, template, delete: removing, stop } = asked
  const dialogs = (
    <>
      {file.row !== null && <FilingDialog key={file.row.id} pipelines={[file.row]} onClose={file.close} />}
      {template.row !== null && <SaveTemplateDialog pipeline={template.row} onClose={template.close} />}
      {removing.row !== null && <DeleteDialog pipeline={removing.row} onClose={removing.close} />}
      {stop.row !== null && <StopDialog pipeline={stop.row} onClose={stop.close} />}
    </>
  )
  return { ask: (what, about) => asked[what].open(about), dialogs }
}

type PipelineMenuProps = { pipeline: PipelineSummary; onAsk: AskAbout }

/** What can be done with a pipeline in the list. */
export function PipelineMenu({ pipeline, onAsk }: PipelineMenuProps) {
  const { org, env } = useScope()
  const can = useCan()
  const navigate = useNavigate()
  const params = { org, env, pipelineId: pipeline.id }
  const clone = useClone(pipeline)
  return (
    <>
      <Menu
        label={t('Actions for {name}', { name: pipeline.name })}
        trigger={
          <IconButton label={t('Actions for {name}', { name: pipeline.name })}>
            <Ellipsis aria-hidden size={15} />
          </IconButton>
        }
        actions={[
          {
            id: 'deploy',
            label: t('Deploy…'),
            icon: <Rocket size={14} />,
            disabled: !can('pipeline.deploy'),
            onAction: () => void navigate({ to: '/$org/$env/pipelines/$pipelineId/deploy', params }),
          },
          {
            id: 'revisions',
            label: t('Revisions'),
            icon: <History size={14} />,
            onAction: () => void navigate({ to: '/$org/$env/pipelines/$pipelineId/revisions', params }),
          },
          {
            id: 'clone',
            label: t('Clone'),
            icon: <CopyPlus size={14} />,
            disabled: !can('pipeline.edit'),
            onAction: () => clone.mutate(),
          },
          {
            id: 'file',
            label: t('Folder and tags…'),
            icon: <FolderInput size={14} />,
            disabled: !can('pipeline.edit'),
            onAction: () => onAsk('file', pipeline),
          },
          {
            id: 'import',
            label: t('Import again…'),
            icon: <FileInput size={14} />,
            disabled: !can('pipeline.edit'),
            onAction: () => void navigate({ to: '/$org/$env/import', params: { org, env }, search: { into: pipeline.id } }),
          },
          {
            id: 'template',
            label: t('Save as template…'),
            icon: <LayoutTemplate size={14} />,
            disabled: !can('library.edit'),
            onAction: () => onAsk('template', pipeline),
          },
          {
            id: 'stop',
            label: t('Stop on all nodes…'),
            icon: <CircleStop size={14} />,
            disabled: !can('pipeline.deploy') || pipeline.deployed === null,
            onAction: () => onAsk('stop', pipeline),
          },
          {
            id: 'delete',
            label: t('Delete…'),
            danger: true,
            icon: <Trash2 size={14} />,
            disabled: !can('pipeline.edit'),
            onAction: () => onAsk('delete', pipeline),
          },
        ]}
      />
    </>
  )
}

/** Makes a pipeline with the same draft under another name, and opens it. */
function useClone(pipeline: PipelineSummary) {
  const { org, env } = useScope()
  const navigate = useNavigate()
  const refresh = useRefresh()
  return useMutation({
    mutationFn: async () => {
      const { data } = await getPipeline({ path: { org, env, id: pipeline.id }, throwOnError: true })
      const { data: found } = await listPipelines({ path: { org, env }, query: { q: pipeline.name, limit: 200 }, throwOnError: true })
      const name = copyName(pipeline.name, found.items.map((each) => each.name))
      return (await createPipeline({ path: { org, env }, body: { name, description: data.description, document: data.document }, throwOnError: true })).data
    },
    onSuccess: async (made) => {
      notify(t('{name} is made.', { name: made.name }))
      refresh()
      await navigate({ to: '/$org/$env/pipelines/$pipelineId', params: { org, env, pipelineId: made.id } })
    },
    onError: notifyError,
  })
}

type AskProps = { pipeline: PipelineSummary; onClose: () => void }

function DeleteDialog({ pipeline, onClose }: AskProps) {
  const path = { ...useScope(), id: pipeline.id }
  const refresh = useRefresh()
  const remove = useMutation({
    mutationFn: async () => {
      const { data } = await getPipeline({ path, throwOnError: true })
      await deletePipeline({ path, headers: { 'If-Match': data.etag }, throwOnError: true })
    },
    onSuccess: () => {
      notify(t('{name} is deleted.', { name: pipeline.name }))
      refresh()
      onClose()
    },
  })
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Delete {name}?', { name: pipeline.name })}
      confirmLabel={t('Delete')}
      isPending={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      <p>{t('The draft and all revisions go. A pipeline that still runs on nodes must be stopped first.')}</p>
      {remove.error !== null && <InlineError error={remove.error} />}
    </ConfirmDialog>
  )
}

function StopDialog({ pipeline, onClose }: AskProps) {
  const path = { ...useScope(), id: pipeline.id }
  const refresh = useRefresh()
  const [message, setMessage] = useState('')
  const stop = useMutation({
    mutationFn: async () => {
      await stopPipeline({ path, body: { message }, throwOnError: true })
    },
    onSuccess: () => {
      notify(t('The nodes are told to stop {name}.', { name: pipeline.name }))
      refresh()
      onClose()
    },
  })
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Stop {name}?', { name: pipeline.name })}
      confirmLabel={t('Stop on all nodes')}
      isPending={stop.isPending}
      onConfirm={() => stop.mutate()}
    >
      <p className="mb-3">
        {t('It stops on {n, plural, one {# node} other {# nodes}}. Deploying again starts it.', { n: pipeline.deployed?.nodes_assigned ?? 0 })}
      </p>
      <TextField label={t('Why')} value={message} onChange={setMessage} />
      {stop.error !== null && <InlineError error={stop.error} />}
    </ConfirmDialog>
  )
}
