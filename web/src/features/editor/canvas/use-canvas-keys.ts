import type { KeyboardEvent } from 'react'
import { useEffect, useEffectEvent } from 'react'
import { useEditor, useEditorState } from '../context'
import { groupOf, membersOf } from '../graph/groups'
import { useCanvasActions } from './actions'
import { frameId, frameName } from './frames'
import { cardOf, focusSoon, inspectorField } from './focus'
import { neighbour } from './keyboard'
import type { Edits } from './use-edits'

type Keys = { edits: Edits; ids: () => ReadonlySet<string>; edges: ReadonlySet<string>; onAdd: () => void; onConnectFrom: (component: string) => void }

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches('input, textarea, [contenteditable="true"]') || target.closest('.cm-editor, [role=dialog]') !== null)
}

/** The components that a key on this element is about: those of the group that it belongs to, else those selected. */
function useHeld(ids: () => ReadonlySet<string>): (target: EventTarget | null) => ReadonlySet<string> {
  const { store, selected } = useEditor()
  return (target) => {
    const node = target instanceof HTMLElement ? target.closest<HTMLElement>('.react-flow__node')?.dataset.id : undefined
    const group = node === undefined ? null : frameName(node)
    if (group !== null) return new Set(membersOf(store.getState().draft.document, group).map((each) => each.id))
    const chosen = ids()
    return chosen.size > 0 || selected === undefined ? chosen : new Set([selected])
  }
}

/** Copies to and pastes from the clipboard anywhere in the editor but in texts. */
function useClipboard({ edits, ids }: Keys): void {
  const { canEdit } = useEditor()
  const held = useHeld(ids)
  const copy = useEffectEvent((event: ClipboardEvent) => {
    if (isTyping(event.target) || (globalThis.getSelection()?.toString() ?? '') !== '') return
    const own = held(event.target)
    if (own.size === 0) return
    event.preventDefault()
    void edits.copy(own)
    if (event.type === 'cut' && canEdit) edits.remove(own)
  })
  const paste = useEffectEvent((event: ClipboardEvent) => {
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (isTyping(event.target) || !canEdit || text.trim() === '') return
    event.preventDefault()
    void edits.pasteText(text)
  })
  useEffect(() => {
    const onCopy = (event: ClipboardEvent) => copy(event)
    const onPaste = (event: ClipboardEvent) => paste(event)
    globalThis.document.addEventListener('copy', onCopy)
    globalThis.document.addEventListener('cut', onCopy)
    globalThis.document.addEventListener('paste', onPaste)
    return () => {
      globalThis.document.removeEventListener('copy', onCopy)
      globalThis.document.removeEventListener('cut', onCopy)
      globalThis.document.removeEventListener('paste', onPaste)
    }
  }, [])
}

/** Everything that the keyboard does on the canvas. */
export function useCanvasKeys(keys: Keys) {
  const { edits, ids, edges, onAdd, onConnectFrom } = keys
  const { canEdit, selected, select } = useEditor()
  const graph = useEditorState((state) => state.draft.document)
  const { group, ungroup } = useCanvasActions()
  useClipboard(keys)
  const held = useHeld(ids)

  const withCommand = (event: KeyboardEvent): boolean => {
    const key = event.key.toLowerCase()
    if (key === 'a') edits.selectAll(graph.components.map((each) => each.id))
    else if (key === 'd' && canEdit && held(event.target).size > 0) edits.copies(held(event.target))
    else return false
    return true
  }
  const move = (event: KeyboardEvent, from: string | undefined): boolean => {
    const next = neighbour(graph, from, event.key)
    if (next === null) return false
    select(next)
    const canvas = (event.target as HTMLElement).closest('.react-flow')
    const card = cardOf(next)
    const folded = groupOf(graph, next)
    if (card !== null) card.focus()
    else if (folded !== null) canvas?.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(frameId(folded))}"] [data-fold]`)?.focus()
    return true
  }
  /** Several at once first, then the one that is shown beside the canvas; the focus stays where it is. */
  const letGo = (): boolean => {
    if (ids().size > 1 || edges.size > 0) edits.selectAll(selected === undefined ? [] : [selected])
    else if (selected !== undefined) select(undefined)
    else return false
    return true
  }
  const edit = (event: KeyboardEvent): boolean => {
    if (!canEdit) return false
    if (event.key === 'Delete' || event.key === 'Backspace') edits.remove(ids(), edges)
    else if (event.key === 'a') onAdd()
    else if (event.key === 'd' && ids().size > 0) edits.toggle(ids())
    else if (event.key === 'g' && ids().size > 0) group(ids())
    else if (event.key === 'G' && ids().size > 0) ungroup(ids())
    else if (event.key === 'c' && selected !== undefined) onConnectFrom(selected)
    else return false
    return true
  }
  return (event: KeyboardEvent) => {
    const target = event.target as HTMLElement
    if (event.altKey || isTyping(target)) return
    const focused = target.closest<HTMLElement>('.react-flow__node')?.dataset.id
    const isNode = focused !== undefined && target.matches('.react-flow__node')
    let done: boolean
    if (event.metaKey || event.ctrlKey) done = withCommand(event)
    else if (event.key === 'Escape') done = letGo()
    else if (isNode && (event.key === 'Enter' || event.key === ' ')) {
      // Once more leads into what is shown of it.
      if (focused === selected) focusSoon(inspectorField)
      select(focused)
      done = true
    } else done = (!event.shiftKey && move(event, focused === undefined || frameName(focused) !== null ? selected : focused)) || edit(event)
    if (!done) return
    event.preventDefault()
    event.stopPropagation()
  }
}
