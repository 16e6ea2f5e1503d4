import { useBlocker } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { lazy, Suspense, useEffect, useEffectEvent, useMemo, useState, useSyncExternalStore } from 'react'
import { Group, Panel, Separator, useDefaultLayout } from 'react-resizable-panels'
import type { Pipeline } from '@/api/gen'
import { t } from '@/lib/i18n'
import { EmptyState } from '@/ui/states'
import { Button } from '@/ui/button'
import type { AddPlace } from './add-dialog'
import { AddDialog } from './add-dialog'
import { CanvasActionsContext } from './canvas/actions'
import { Canvas } from './canvas/canvas'
import { cardOf, focusSoon } from './canvas/focus'
import { useGroups } from './canvas/use-groups'
import { rememberType } from './chosen-types'
import { ConnectDialog } from './connect-dialog'
import { useEditor, useEditorState } from './context'
import { dropDraft, keepDraft } from './draft-storage'
import { addAfter, addBefore, addFree, addOnEdge } from './graph/insert'
import type { Point } from './graph/operations'
import { portsOf } from './graph/ports'
import type { ComponentSpec } from './graph/types'
import { DEFAULT_PORT } from './graph/types'
import { Palette } from './palette'
import { SidePane } from './side-pane'
import { isDirty } from './store'
import { TapHost, useTapped } from './tap-host'
import { Toolbar } from './toolbar'
import { useSave } from './use-save'

// Two people seldom save one pipeline at once.
const ConflictDialog = lazy(async () => ({ default: (await import('./conflict-dialog')).ConflictDialog }))

const WIDE = '(min-width: 900px)'
const KEEP_MS = 400

function useIsWide(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = matchMedia(WIDE)
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => matchMedia(WIDE).matches,
  )
}

/** Keeps what is not saved yet across a reload; answers whether that succeeds. */
function useKeptDraft(account: string): boolean {
  const { store, pipelineId } = useEditor()
  const [isKept, setKept] = useState(true)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const write = () => {
      const state = store.getState()
      if (isDirty(state)) void keepDraft(account, pipelineId, state.draft, state.etag).then(setKept)
      else dropDraft(account, pipelineId)
    }
    const stop = store.subscribe(() => {
      clearTimeout(timer)
      timer = setTimeout(write, KEEP_MS)
    })
    // What goes into the browser's database takes a moment, which the question before leaving gives.
    window.addEventListener('beforeunload', write)
    window.addEventListener('pagehide', write)
    return () => {
      stop()
      clearTimeout(timer)
      write()
      window.removeEventListener('beforeunload', write)
      window.removeEventListener('pagehide', write)
    }
  }, [store, account, pipelineId])
  return isKept
}

function useShortcuts(actions: { save: () => void; add: () => void }): void {
  const { store, canEdit, selected } = useEditor()
  const handle = useEffectEvent((event: KeyboardEvent) => {
    const target = event.target as HTMLElement
    const isTyping = target.matches('input, textarea, [contenteditable="true"]') || target.closest('.cm-editor, [role=dialog]') !== null
    const command = event.metaKey || event.ctrlKey
    const key = event.key.toLowerCase()
    const { components } = store.getState().draft.document
    if (command && key === 's') {
      event.preventDefault()
      if (canEdit) actions.save()
    } else if (command && !isTyping && canEdit && (key === 'z' || key === 'y')) {
      event.preventDefault()
      if (key === 'y' || event.shiftKey) store.getState().redo()
      else store.getState().undo()
    } else if (!command && !event.altKey && !isTyping && canEdit && key === 'a' && !event.defaultPrevented) {
      event.preventDefault()
      actions.add()
    } else if (!command && !isTyping && key === '/') {
      event.preventDefault()
      document.querySelector<HTMLElement>('[data-search]')?.focus()
    } else if (!command && target === document.body && key.startsWith('arrow')) {
      // Nothing has the focus, as when the page was just opened: straight onto the canvas.
      const card = cardOf(selected ?? components[0]?.id ?? '')
      if (card !== null) event.preventDefault()
      card?.focus()
    }
  })
  useEffect(() => {
    const listener = (event: KeyboardEvent) => handle(event)
    window.addEventListener('keydown', listener)
    return () => window.removeEventListener('keydown', listener)
  }, [])
}

/** The whole editor: tool bar, palette, canvas, side pane, and the dialogs over them. */
export function Workbench({ account, children }: { account: string; children: ReactNode }) {
  const { store, specs, selected, select, canEdit } = useEditor()
  const saving = useSave()
  const [place, setPlace] = useState<AddPlace | null>(null)
  const [connectFrom, setConnectFrom] = useState<string | null>(null)
  const isEmpty = useEditorState((state) => state.draft.document.components.length === 0)
  const dirty = useEditorState(isDirty)
  const isWide = useIsWide()
  const isKept = useKeptDraft(account)
  // The draft is kept in this tab, so only closing the tab needs a question.
  useBlocker({ shouldBlockFn: () => false, enableBeforeUnload: () => dirty })

  const startAdd = () => {
    const component = store.getState().draft.document.components.find((each) => each.id === selected)
    const ports = component === undefined ? [] : portsOf(component, specs.get(component)).map((port) => port.name)
    const port = ports.includes(DEFAULT_PORT) ? DEFAULT_PORT : ports[0]
    setPlace(component !== undefined && port !== undefined ? { kind: 'after', source: component.id, port } : { kind: 'free' })
  }
  const add = (spec: ComponentSpec, where: AddPlace) => {
    rememberType(spec)
    let added = ''
    store.getState().change(t('Add {type}', { type: spec.type }), (draft) => {
      const { document } = draft
      const [next, id] =
        where.kind === 'edge'
          ? addOnEdge(document, specs, where.key, spec)
          : where.kind === 'after'
            ? addAfter(document, where, spec, where.at)
            : where.kind === 'before'
              ? addBefore(document, specs, where.target, spec, where.at)
              : addFree(document, spec)
      added = id
      return { ...draft, document: next }
    })
    select(added)
    return added
  }
  const { tapped, openTap, closeTap } = useTapped()
  const groups = useGroups()
  const actions = useMemo(
    () => ({
      ...groups.actions,
      tap: openTap,
      addAfter: (source: string, port: string, at?: Point) => setPlace({ kind: 'after', source, port, ...(at === undefined ? {} : { at }) }),
      addBefore: (target: string, at: Point) => setPlace({ kind: 'before', target, at }),
      addOnEdge: (key: string) => setPlace({ kind: 'edge', key }),
    }),
    [groups.actions, openTap],
  )
  useShortcuts({ save: () => void saving.save(), add: startAdd })
  return (
    <CanvasActionsContext value={actions}>
      <main className="flex min-h-0 flex-1 flex-col">
        <title>{`${store.getState().draft.name} · VectorFlow`}</title>
        <h1 className="sr-only">{t('Pipeline editor')}</h1>
        <Toolbar onAdd={startAdd} save={saving.save} isSaving={saving.isSaving} isKept={isKept} />
        {children}
        <Panes isWide={isWide} palette={canEdit ? <Palette onAdd={(spec) => void add(spec, { kind: 'free' })} /> : null}>
          <Canvas onAdd={startAdd} onConnectFrom={setConnectFrom} />
          {isEmpty && <EmptyCanvas onAdd={startAdd} />}
        </Panes>
      </main>
      <AddDialog
        place={place}
        onClose={() => setPlace(null)}
        onAdd={(spec, where) => {
          const added = add(spec, where)
          focusSoon(() => cardOf(added))
        }}
      />
      <ConnectDialog from={connectFrom} onClose={() => setConnectFrom(null)} />
      {groups.dialog}
      <TapHost tapped={tapped} onClose={closeTap} />
      {saving.theirs !== null && <Conflict saving={saving} theirs={saving.theirs} />}
    </CanvasActionsContext>
  )
}

function Conflict({ saving, theirs }: { saving: ReturnType<typeof useSave>; theirs: Pipeline }) {
  const mine = useEditorState((state) => state.draft)
  const base = useEditorState((state) => state.base)
  return (
    <Suspense>
      <ConflictDialog
        key={theirs.etag}
        base={base}
        mine={mine}
        theirs={theirs}
        onClose={saving.closeConflict}
        onKeepMine={saving.keepMine}
        onTakeTheirs={saving.takeTheirs}
        onMerge={saving.putTogether}
      />
    </Suspense>
  )
}

function EmptyCanvas({ onAdd }: { onAdd: () => void }) {
  return (
    <div className="pointer-events-none absolute inset-0 flex items-center justify-center">
      <div className="pointer-events-auto">
        <EmptyState
          title={t('An empty pipeline')}
          action={
            <Button variant="primary" onPress={onAdd}>
              {t('Add the first component')}
            </Button>
          }
        >
          {t('Begin with a source: where events come from. Press A at any time to add, drag from the palette, or drop a transform onto a connection.')}
        </EmptyState>
      </div>
    </div>
  )
}

type PanesProps = { isWide: boolean; palette: ReactNode; children: ReactNode }

const SEPARATOR = 'w-px bg-line outline-none transition-colors hover:bg-focus focus-visible:bg-focus data-[separator=active]:bg-focus'

function Panes({ isWide, palette, children }: PanesProps) {
  const panelIds = palette === null ? ['canvas', 'side'] : ['palette', 'canvas', 'side']
  const { defaultLayout, onLayoutChanged } = useDefaultLayout({ id: 'vf:editor', panelIds, storage: localStorage })
  if (!isWide) {
    return (
      <div className="flex min-h-0 flex-1 flex-col">
        <div className="relative min-h-0 flex-1">{children}</div>
        <div className="h-1/2 border-t">
          <SidePane />
        </div>
      </div>
    )
  }
  return (
    <Group orientation="horizontal" className="min-h-0 flex-1" {...(defaultLayout === undefined ? {} : { defaultLayout })} onLayoutChanged={onLayoutChanged}>
      {palette !== null && (
        <>
          <Panel id="palette" defaultSize="208px" minSize="150px" maxSize="320px">
            {palette}
          </Panel>
          <Separator aria-label={t('Width of the palette')} className={SEPARATOR} />
        </>
      )}
      <Panel id="canvas" minSize="280px">
        <div className="relative h-full">{children}</div>
      </Panel>
      <Separator aria-label={t('Width of the side pane')} className={SEPARATOR} />
      <Panel id="side" defaultSize="360px" minSize="280px" maxSize="60%">
        <SidePane />
      </Panel>
    </Group>
  )
}
