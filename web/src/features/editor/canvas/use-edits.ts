import { useReactFlow } from '@xyflow/react'
import { importText, writeDocument } from '@/api/gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { ApiError } from '@/lib/problem'
import { notify, notifyError } from '@/ui/toast'
import { useEditor } from '../context'
import type { Arrangement, Box } from '../graph/arrange'
import { arrange, partOf } from '../graph/arrange'
import { groupLines, withGroupLines } from '../graph/clipboard'
import { duplicate } from '../graph/duplicate'
import { disconnect, moveComponents, removeComponents, setEnabled } from '../graph/operations'
import { joined, paste } from '../graph/paste'
import type { Document } from '../graph/types'
import { wholeDocument } from '../graph/types'
import type { CardNode, FlowLink } from './nodes'

const NONE: ReadonlySet<string> = new Set()

/** What can be done with the components that are selected on the canvas; each is one step to undo. */
export function useEdits(forgetEdges: () => void) {
  const { org, env } = useScope()
  const { store, specs, select } = useEditor()
  const flow = useReactFlow<CardNode, FlowLink>()
  const path = { org, env }
  const change = (label: string, next: (document: Document) => Document) =>
    store.getState().change(label, (draft) => ({ ...draft, document: next(draft.document) }))

  const selectAll = (ids: readonly string[]) => {
    const wanted = new Set(ids)
    forgetEdges()
    // The cards of new components exist after the next frame.
    requestAnimationFrame(() => flow.setNodes((nodes) => nodes.map((node) => ({ ...node, selected: wanted.has(node.id) }))))
  }
  const copies = (ids: ReadonlySet<string>) => {
    let made: string[] = []
    change(t('Duplicate'), (document) => {
      const [next, added] = duplicate(document, ids)
      made = added
      return next
    })
    select(made.length === 1 ? made[0] : undefined)
    if (made.length > 1) selectAll(made)
  }
  const remove = (ids: ReadonlySet<string>, edges: ReadonlySet<string> = NONE) => {
    if (ids.size === 0 && edges.size === 0) return
    change(t('Remove'), (document) => disconnect(removeComponents(document, ids), edges))
    forgetEdges()
    select(undefined)
  }
  const toggle = (ids: ReadonlySet<string>) => {
    const { components } = store.getState().draft.document
    const on = components.some((each) => ids.has(each.id) && !each.enabled)
    change(on ? t('Enable') : t('Disable'), (document) => [...ids].reduce((made, id) => setEnabled(made, id, on), document))
  }
  const align = (ids: ReadonlySet<string>, how: Arrangement) => {
    const boxes = flow.getNodes().flatMap(({ id, position, measured }): Box[] => (ids.has(id) ? [{ id, ...position, width: measured?.width ?? 208, height: measured?.height ?? 50 }] : []))
    change(t('Align'), (document) => moveComponents(document, arrange(boxes, how)))
  }
  const copy = async (ids: ReadonlySet<string>) => {
    try {
      const document = partOf(store.getState().draft.document, ids)
      const { data } = await writeDocument({ path, body: { document }, throwOnError: true })
      await navigator.clipboard.writeText(withGroupLines(data.text, document.groups))
      notify(t('{n, plural, one {# component is} other {# components are}} on the clipboard, as YAML for Vector.', { n: ids.size }))
    } catch (error) {
      notifyError(error)
    }
  }
  const pasteText = async (pasted: string) => {
    try {
      const { text, groups } = groupLines(pasted)
      const { data } = await importText({ path, body: { text, format: 'auto' }, throwOnError: true })
      const whole = joined(data.documents.map((each) => wholeDocument(each.document)))
      if (whole === null) {
        notify(t('Nothing to paste: {why}', { why: data.findings[0]?.message ?? t('the clipboard holds no configuration of Vector.') }))
        return
      }
      const part = { ...whole, groups }
      const box = globalThis.document.querySelector('.react-flow')?.getBoundingClientRect()
      const at = flow.screenToFlowPosition({ x: (box?.left ?? 0) + (box?.width ?? 600) / 3, y: (box?.top ?? 0) + (box?.height ?? 400) / 3 })
      let ids: string[] = []
      let dropped = 0
      change(t('Paste'), (document) => {
        const done = paste(document, specs, part, at)
        ids = done.ids
        dropped = done.dropped.length
        return done.document
      })
      select(ids.length === 1 ? ids[0] : undefined)
      selectAll(ids)
      if (dropped > 0) notify(t('{n, plural, one {# input leads} other {# inputs lead}} to nothing here and stayed unconnected.', { n: dropped }))
    } catch (error) {
      if (error instanceof ApiError && error.status === 413) notify(t('Nothing to paste: what is on the clipboard is too large to be read at once. Save it as several files and import those.'))
      else notifyError(error)
    }
  }
  return { copies, remove, toggle, align, copy, pasteText, selectAll }
}

export type Edits = ReturnType<typeof useEdits>
