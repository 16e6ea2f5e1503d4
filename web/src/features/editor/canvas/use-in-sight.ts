import { useReactFlow, useStoreApi } from '@xyflow/react'
import { useEffect, useEffectEvent, useRef } from 'react'
import type { Document } from '../graph/types'
import type { CanvasNode } from './frames'
import { boxOfComponent, isInSight } from './opening'

/** Brings a component into sight that was chosen elsewhere: in the list, at a finding, in the text, or with a key. */
export function useInSight(nodes: readonly CanvasNode[], document: Document, selected: string | undefined): void {
  const flow = useReactFlow()
  const view = useStoreApi()
  const shown = useRef(selected)
  const show = useEffectEvent((id: string) => {
    const box = boxOfComponent(nodes, document, id)
    const now = view.getState()
    if (box === undefined || now.width === 0 || isInSight(now, box)) return
    void flow.setCenter(box.x + box.width / 2, box.y + box.height / 2, { zoom: now.transform[2] })
  })
  useEffect(() => {
    // What the page was opened with is shown by the opening view, or as its address says.
    if (shown.current === selected) return
    shown.current = selected
    if (selected !== undefined) show(selected)
  }, [selected])
}
