import { useNavigate } from '@tanstack/react-router'
import { useReactFlow } from '@xyflow/react'
import { LayoutGrid, Plus, Redo2, Rocket, Save, TriangleAlert, Undo2, Unplug } from 'lucide-react'
import { useStore } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import { PipelineTabs } from '@/features/pipelines/pipeline-tabs'
import { usePageCommands } from '@/features/commands/registry'
import { useStaleSeconds } from '@/features/live/rates-context'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { commandKey } from '@/lib/platform'
import { isUnreachable } from '@/lib/problem'
import { Button, IconButton } from '@/ui/button'
import { StaleNote } from '@/ui/states'
import { notify, notifyError } from '@/ui/toast'
import { FIT } from './canvas/viewport'
import { useCheck, useEditor, useEditorState } from './context'
import { moveComponents } from './graph/operations'
import { isDirty } from './store'
import { tidy } from './tidy'

type ToolbarProps = {
  onAdd: () => void
  save: () => Promise<boolean>
  isSaving: boolean
  /** Whether what is not saved would come back after a reload. */
  isKept: boolean
}

/** The name, the state and the actions of the open pipeline. */
export function Toolbar({ onAdd, save, isSaving, isKept }: ToolbarProps) {
  const { store, specs, pipelineId, canEdit, text } = useEditor()
  const showText = useShowText()
  const { org, env } = useScope()
  const can = useCan()
  const navigate = useNavigate()
  const stale = useStaleSeconds()
  const state = useEditorState(
    useShallow((each) => ({
      name: each.draft.name,
      dirty: isDirty(each),
      undoLabel: each.past.at(-1)?.label,
      redoLabel: each.future.at(-1)?.label,
    })),
  )
  const { undo, redo } = store.getState()
  const flow = useReactFlow()
  const tidyUp = async () => {
    try {
      const places = await tidy(store.getState().draft.document, specs)
      store.getState().change(t('Tidy'), (draft) => {
        // What was removed meanwhile has no place any more, and what is tidy is no step to undo.
        const left = Object.fromEntries(draft.document.components.flatMap(({ id }) => (places[id] === undefined ? [] : [[id, places[id]]])))
        const document = moveComponents(draft.document, left)
        return document === draft.document ? draft : { ...draft, document }
      })
      await flow.fitView(FIT)
    } catch (error) {
      notifyError(error)
    }
  }
  const deploy = async () => {
    if (!(await save())) return
    if (text.state.getState().isBroken) {
      // What is deployed would not be what stands there.
      showText()
      notify(t('The YAML cannot be read. Mend it, or show the graph’s text; then deploy.'))
      return
    }
    await navigate({ to: '/$org/$env/pipelines/$pipelineId/deploy', params: { org, env, pipelineId } })
  }
  const noEdit = canEdit ? null : t('You may not change pipelines here.')
  usePageCommands(
    [
      { id: 'add', label: t('Add a component'), hint: 'A', refusal: noEdit },
      { id: 'save', label: t('Save'), hint: `${commandKey()}S`, refusal: noEdit ?? (state.dirty ? null : t('Nothing has changed.')) },
      { id: 'deploy', label: t('Deploy…'), refusal: can('pipeline.deploy') ? null : t('You may not deploy in this environment.') },
      { id: 'tidy', label: t('Tidy the layout'), refusal: noEdit },
    ],
    (id) => {
      if (id === 'add') onAdd()
      else if (id === 'save') void save()
      else if (id === 'deploy') void deploy()
      else void tidyUp()
    },
  )
  return (
    <div className="flex min-h-11 shrink-0 flex-wrap items-center gap-x-2 gap-y-1 border-b px-3 py-1.5">
      {/* What stands here gives way, so that the actions keep their places whatever has to be said. */}
      <div className="flex min-w-0 flex-1 basis-48 items-center gap-x-2 gap-y-1 max-sm:basis-full max-sm:flex-wrap">
        <NameField />
        <span role="status" className={`text-sm text-secondary ${isKept ? 'shrink-0' : 'min-w-32'}`}>
          {isSaving ? t('Saving…') : state.dirty ? (isKept ? t('Not saved') : t('Not saved, and a reload would lose it: this browser has no room to keep it')) : t('Saved')}
        </span>
        <UnreadNote />
        <CutOffNote isKept={isKept} />
        <StaleNote seconds={stale} />
      </div>
      <PipelineTabs pipelineId={pipelineId} />
      {canEdit && (
        <>
          <IconButton label={state.undoLabel === undefined ? t('Undo') : t('Undo: {what}', { what: state.undoLabel })} isDisabled={state.undoLabel === undefined} onPress={undo}>
            <Undo2 aria-hidden size={15} />
          </IconButton>
          <IconButton label={state.redoLabel === undefined ? t('Redo') : t('Redo: {what}', { what: state.redoLabel })} isDisabled={state.redoLabel === undefined} onPress={redo}>
            <Redo2 aria-hidden size={15} />
          </IconButton>
          <IconButton label={t('Tidy the layout')} onPress={() => void tidyUp()}>
            <LayoutGrid aria-hidden size={15} />
          </IconButton>
          <Button onPress={onAdd}>
            <Plus aria-hidden size={14} />
            {t('Add')}
          </Button>
          <Button isDisabled={!state.dirty || isSaving} onPress={() => void save()}>
            <Save aria-hidden size={14} />
            {t('Save')}
          </Button>
        </>
      )}
      <Button variant="primary" isDisabled={!can('pipeline.deploy') || isSaving} onPress={() => void deploy()}>
        <Rocket aria-hidden size={14} />
        {state.dirty ? t('Save and deploy…') : t('Deploy…')}
      </Button>
    </div>
  )
}

/** Says that what stands in the YAML pane is not part of the pipeline, wherever one looks; leads there. */
function UnreadNote() {
  const { text } = useEditor()
  const isUnread = useStore(text.state, (state) => state.isBroken && state.error === null)
  const showText = useShowText()
  if (!isUnread) return null
  return (
    <button type="button" onClick={showText} className="flex min-w-6 cursor-pointer items-center gap-1 rounded-md bg-warn-tint px-1.5 text-sm font-medium text-warn" title={t('The YAML cannot be read, so it is not saved')}>
      <TriangleAlert aria-hidden size={12} className="shrink-0" />
      <span className="truncate">{t('The YAML cannot be read, so it is not saved')}</span>
    </button>
  )
}

function useShowText(): () => void {
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  return () => void navigate({ search: (before) => ({ ...before, pane: 'yaml' as const }), replace: true })
}

/** Says that the server is gone, and that one may go on. */
function CutOffNote({ isKept }: { isKept: boolean }) {
  const { error } = useCheck()
  if (!isUnreachable(error)) return null
  const words = isKept ? t('No answer from the server. Changes are kept here.') : t('No answer from the server.')
  return (
    <span role="status" title={words} className="flex min-w-6 items-center gap-1 rounded-md bg-warn-tint px-1.5 text-sm font-medium text-warn">
      <Unplug aria-hidden size={12} className="shrink-0" />
      <span className="truncate">{words}</span>
    </span>
  )
}

function NameField() {
  const { store, canEdit } = useEditor()
  const name = useEditorState((state) => state.draft.name)
  return (
    <input
      aria-label={t('Name of the pipeline')}
      value={name}
      readOnly={!canEdit}
      maxLength={120}
      size={Math.max(8, Math.min(36, name.length + 1))}
      onChange={(event) => {
        const next = event.target.value
        store.getState().change(t('Rename the pipeline'), (draft) => ({ ...draft, name: next }), 'name')
      }}
      title={name}
      className="min-w-24 shrink-4 truncate rounded-md border border-transparent bg-transparent px-1.5 py-0.5 text-lg font-semibold not-read-only:hover:border-line"
    />
  )
}
