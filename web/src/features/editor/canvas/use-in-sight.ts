import { useReactFlow, useStoreApi } from '@xyflow/react'
import { useEffect, useEffectEvent, useRef } from 'react'
import type { Document } from '../graph/types'

const CARD = { width: 208, height: 48 }

type Place = { x: number; y: number }
type View = { width: number; height: number; transform: [number, number, number] }

/** Whether a card at a place is wholly within what the canvas shows. */
export function isInSight({ width, height, transform: [x, y, zoom] }: View, at: Place): boolean {
  const left = at.x * zoom + x
  const top = at.y * zoom + y
  return left >= 0 && top >= 0 && left + CARD.width * zoom <= width && top + CARD.height * zoom <= height
}

/** Brings a component into sight that was chosen elsewhere: in the list, at a finding, in the text, or with a key. */
export function useInSight(document: Document, selected: string | undefined): void {
  const flow = useReactFlow()
  const view = useStoreApi()
  const shown = useRef(selected)
  const show = useEffectEvent((id: string) => {
    const at = document.layout[id]
    const now = view.getState()
    if (at === undefined || now.width === 0 || isInSight(now, at)) return
    void flow.setCenter(at.x + CARD.width / 2, at.y + CARD.height / 2, { zoom: now.transform[2] })
  })
  useEffect(() => {
    // What the page was opened with is shown as its address says.
    if (shown.current === selected) return
    shown.current = selected
    if (selected !== undefined) show(selected)
  }, [selected])
}
