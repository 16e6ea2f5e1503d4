import type { Viewport } from '@xyflow/react'
import { getViewportForBounds, useReactFlow, useStore, useStoreApi } from '@xyflow/react'
import { useEffect, useEffectEvent, useRef } from 'react'
import { foldedInto, frameId } from './frames'
import type { CanvasNode } from './frames'
import type { Document } from '../graph/types'

export type Box = { x: number; y: number; width: number; height: number }
type Size = { width: number; height: number }
type View = Size & { transform: [number, number, number] }

/** Below this the names on cards cannot be read. */
const READABLE = 0.55
/** How much stays free around the graph, as the library counts it. */
const PADDING = 0.08

/** Where a node stands; its size is known before it is drawn. */
export function boxOf({ position, measured }: Pick<CanvasNode, 'position' | 'measured'>): Box {
  return { ...position, width: measured?.width ?? 0, height: measured?.height ?? 0 }
}

/** What holds all boxes; null where there are none. */
export function around(boxes: readonly Box[]): Box | null {
  if (boxes.length === 0) return null
  const x = Math.min(...boxes.map((each) => each.x))
  const y = Math.min(...boxes.map((each) => each.y))
  return { x, y, width: Math.max(...boxes.map((each) => each.x + each.width)) - x, height: Math.max(...boxes.map((each) => each.y + each.height)) - y }
}

/** Whether a box is wholly within what the canvas shows. */
export function isInSight({ width, height, transform: [x, y, zoom] }: View, box: Box): boolean {
  const left = box.x * zoom + x
  const top = box.y * zoom + y
  // Half a pixel, since what was fitted exactly is in sight.
  return left >= -0.5 && top >= -0.5 && left + box.width * zoom <= width + 0.5 && top + box.height * zoom <= height + 0.5
}

/** How far one axis is moved: the whole in the middle if it has room, else `centre` in the middle without showing more emptiness than need be. */
function shift(from: number, length: number, room: number, zoom: number, centre: number): number {
  const free = (room - room / (1 + PADDING)) / 2
  if (length * zoom <= room) return (room - length * zoom) / 2 - from * zoom
  return Math.min(free - from * zoom, Math.max(room - free - (from + length) * zoom, room / 2 - centre * zoom))
}

/**
 * The view that a graph is opened with: whole where that can be read, else its beginning at a size that can.
 * A chosen box is in sight in any case.
 */
export function openingView(boxes: readonly Box[], { width, height }: Size, chosen: Box | undefined): Viewport {
  const whole = around(boxes)
  if (whole === null) return { x: 0, y: 0, zoom: 1 }
  const fitting = getViewportForBounds(whole, width, height, READABLE, 1, PADDING)
  const { zoom } = fitting
  if (zoom > READABLE) return fitting
  const at = ({ x, y, ...box }: Box): Viewport => ({
    x: shift(whole.x, whole.width, width, zoom, x + box.width / 2),
    y: shift(whole.y, whole.height, height, zoom, y + box.height / 2),
    zoom,
  })
  const first = boxes.reduce((left, each) => (each.x < left.x ? each : left))
  const view = at(first)
  return chosen === undefined || isInSight({ width, height, transform: [view.x, view.y, zoom] }, chosen) ? view : at(chosen)
}

/** The box that shows a component: its card's, or that of the folded group it is in. */
export function boxOfComponent(nodes: readonly CanvasNode[], document: Document, id: string | undefined): Box | undefined {
  if (id === undefined) return undefined
  const folded = foldedInto(document.groups).get(id)
  const node = nodes.find((each) => each.id === (folded === undefined ? id : frameId(folded)))
  return node === undefined ? undefined : boxOf(node)
}

/**
 * Shows the graph as soon as the canvas has a size, unless the address names a view. It counts with the places of the
 * document and waits for nothing to be drawn: most of a large graph never is.
 */
export function useOpeningView(nodes: readonly CanvasNode[], document: Document, selected: string | undefined, hasOwnView: boolean): void {
  const flow = useReactFlow()
  const view = useStoreApi()
  const pane = useStore((state) => (state.width > 0 && state.height > 0 ? state.panZoom : null))
  // The canvas is put up anew where the window becomes narrow or wide, and then shows what it is given first.
  const opened = useRef<typeof pane>(null)
  const wasEmpty = useRef(false)
  const open = useEffectEvent(() => {
    if (hasOwnView || pane === null || opened.current === pane) return
    if (nodes.length === 0) {
      wasEmpty.current = true
      return
    }
    opened.current = pane
    const boxes = nodes.map(boxOf)
    const now = view.getState()
    // Where somebody has just dropped the first components they stay.
    if (wasEmpty.current && boxes.every((each) => isInSight(now, each))) return
    void flow.setViewport(openingView(boxes, now, boxOfComponent(nodes, document, selected)))
  })
  const isEmpty = nodes.length === 0
  useEffect(() => {
    open()
  }, [pane, isEmpty])
}
