import { useStoreApi } from '@xyflow/react'
import { useEffect, useRef } from 'react'
import { useTheme } from '@/app/theme'
import { useRatesStore } from '@/features/live/rates-context'
import type { RatesStore } from '@/features/live/rates-store'
import { Attention } from './attention'
import type { CanvasLink } from './bundles'
import type { Ends } from './edge-shape'
import type { CanvasNode } from './frames'
import type { Ink, View } from './live-paint'
import { begin, inkOf, LEGIBLE, paintEdge, paintFigures, paintLabel, paintMark } from './live-paint'
import type { Line, Standing } from './live-scene'
import { drawnEdge, endsOf, figuresOf, labelsOf, markOf } from './live-scene'
import { liveWords } from './live-words'
import { CARD_WIDTH, cardHeight, portPlaces } from './nodes'

/** Measurements that come faster are seen together: more pictures a second say nothing more to anybody who reads them. */
const PACE_MS = 250
/** Where the buttons at an output stand, from the card's right edge. */
const BUTTONS = { from: 6, width: 48, height: 24 }

type Flow = ReturnType<ReturnType<typeof useStoreApi<CanvasNode, CanvasLink>>['getState']>
type Graph = { shown: Standing[]; lines: { line: Line; ends: Ends }[]; attended: Standing[] }

/** What of the graph is in view. */
function inView(flow: Flow, view: View, attention: Attention): Graph {
  const [left, top] = [-view.x / view.zoom, -view.y / view.zoom]
  const [right, bottom] = [left + view.width / view.zoom, top + view.height / view.zoom]
  const cards = new Map<string, Standing>()
  const shown: Standing[] = []
  for (const { internals } of flow.nodeLookup.values()) {
    const node = internals.userNode
    if (node.type !== 'component') continue
    const card = { ...internals.positionAbsolute, component: node.data.component, ports: node.data.ports }
    cards.set(node.id, card)
    if (card.x < right && card.x + CARD_WIDTH > left && card.y < bottom && card.y + cardHeight(node.data.ports) > top) shown.push(card)
  }
  const lines: Graph['lines'] = []
  for (const link of flow.edges) {
    if (link.type !== 'flow') continue
    const edge = { source: link.source, port: link.sourceHandle ?? '_default', target: link.target }
    const ends = endsOf(edge, cards.get(edge.source), cards.get(edge.target))
    if (ends === null) continue
    const isOut =
      Math.max(ends.sourceX, ends.targetX) < left || Math.min(ends.sourceX, ends.targetX) > right || Math.max(ends.sourceY, ends.targetY) < top || Math.min(ends.sourceY, ends.targetY) > bottom
    if (isOut) continue
    lines.push({ line: { edge, isBroken: link.data?.isBroken ?? false, isSelected: link.selected ?? false, isPointedAt: attention.has(link.id) }, ends })
  }
  return { shown, lines, attended: attention.cards().flatMap((each) => cards.get(each.dataset.id ?? '') ?? []) }
}

/** Keeps the buttons at a card's outputs free, which show while it is pointed at or has the focus. */
function clearButtons(context: CanvasRenderingContext2D, { x, y, ports }: Standing): void {
  for (const place of portPlaces(ports).values()) context.clearRect(x + CARD_WIDTH + BUTTONS.from, y + place.y - BUTTONS.height / 2, BUTTONS.width, BUTTONS.height)
}

/** Paints all that is in view; cards stay free of edges, which so run under them. */
function paintGraph(context: CanvasRenderingContext2D, ink: Ink, { shown, lines, attended }: Graph, rates: RatesStore, view: View): void {
  const of = (component: string) => rates.get(component)
  begin(context, view, devicePixelRatio)
  for (const { line, ends } of lines) paintEdge(context, drawnEdge(line, ends, of), ink)
  for (const { x, y, ports } of shown) context.clearRect(x, y, CARD_WIDTH, cardHeight(ports))
  for (const card of attended) clearButtons(context, card)
  if (view.zoom >= LEGIBLE) {
    for (const { line, ends } of lines) for (const label of labelsOf(line, ends, of)) paintLabel(context, label, ink)
    for (const card of shown) paintFigures(context, figuresOf(card, of), ink)
  }
  for (const card of shown) {
    const mark = markOf(card, of)
    if (mark !== null) paintMark(context, mark, ink, view.zoom)
  }
}

/**
 * Edges and live figures of a large pipeline, painted on one layer over the graph. A new measurement so costs one
 * picture, and neither the layout nor the painting of the page around it.
 */
export function LiveLayer() {
  const store = useStoreApi<CanvasNode, CanvasLink>()
  const rates = useRatesStore()
  const theme = useTheme()
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    const root = canvas.current?.closest<HTMLElement>('.react-flow')
    if (context == null || root == null) return undefined
    let ink = inkOf(context.canvas)
    let frame: number | null = null
    let pace: ReturnType<typeof setTimeout> | null = null
    const tell = (attended: readonly Standing[]) => {
      const components = new Map(attended.map(({ component }) => [component.id, component]))
      for (const card of attention.cards()) {
        const component = components.get(card.dataset.id ?? '')
        if (component !== undefined) card.title = liveWords(component.kind, rates.get(component.id))
      }
    }
    const paint = () => {
      frame = null
      const flow = store.getState()
      const [x, y, zoom] = flow.transform
      const view = { x, y, zoom, width: flow.width, height: flow.height }
      const graph = inView(flow, view, attention)
      paintGraph(context, ink, graph, rates, view)
      tell(graph.attended)
    }
    const soon = () => (frame ??= requestAnimationFrame(paint))
    const measured = () => {
      if (pace !== null) return
      root.dataset.live = ''
      pace = setTimeout(() => {
        pace = null
        soon()
      }, PACE_MS)
    }
    const attention = new Attention(root, soon)
    const repaint = () => {
      ink = inkOf(context.canvas)
      soon()
    }
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const stops = [store.subscribe(soon), rates.subscribeAny(measured)]
    scheme.addEventListener('change', repaint)
    void document.fonts.ready.then(repaint)
    repaint()
    if (rates.isMeasured()) measured()
    return () => {
      stops.forEach((stop) => stop())
      scheme.removeEventListener('change', repaint)
      attention.stop()
      delete root.dataset.live
      if (pace !== null) clearTimeout(pace)
      if (frame !== null) cancelAnimationFrame(frame)
    }
  }, [store, rates, theme])
  return <canvas ref={canvas} aria-hidden className="live-layer" />
}
