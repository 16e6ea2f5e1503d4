import { getBezierPath, Position } from '@xyflow/react'
import type { DrawnEdge, Figure, Label, Mark } from './live-scene'

/** The colours of the theme as the browser knows them. */
export type Ink = Record<(typeof NAMES)[number], string>
export type View = { x: number; y: number; zoom: number; width: number; height: number }

const NAMES = ['text', 'secondary', 'surface', 'line', 'control', 'focus', 'transform', 'warn', 'warn-tint', 'bad', 'bad-tint'] as const
const FONT = '"Inter Variable", system-ui, sans-serif'
/** Below this zoom a figure is smaller than can be read, so that only states are drawn. */
export const LEGIBLE = 0.45
const MARK = 7
/** A mark is never smaller than this on the screen. */
const LEAST_MARK = 4
const IDLE_DASH = [4, 5]
const PILL = 18
const THROUGH = 0.75
/** Less than a twentieth in red would be too short to see. */
const LEAST_SHARE = 0.05

/** Reads the theme's colours through an element, which resolves what depends on light and dark. */
export function inkOf(element: HTMLElement): Ink {
  const read = (name: string) => {
    element.style.color = `var(--${name})`
    return getComputedStyle(element).color
  }
  return Object.fromEntries(NAMES.map((name) => [name, read(name)])) as Ink
}

/** Empties a canvas, fits it to the view, and lets what follows be drawn at places of the graph. */
export function begin(context: CanvasRenderingContext2D, { x, y, zoom, width, height }: View, ratio: number): void {
  const { canvas } = context
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high]
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.clearRect(0, 0, wide, high)
  context.setTransform(ratio * zoom, 0, 0, ratio * zoom, ratio * x, ratio * y)
}

function strokeOf(tone: DrawnEdge['tone'], ink: Ink): string {
  switch (tone) {
    case 'broken':
      return ink.bad
    case 'selected':
      return ink.focus
    case 'idle':
      return ink.control
    case 'busy':
      return ink.warn
    case 'calm':
      return ink.transform
  }
}

/** Draws a connection, and its end in red as long as the share of events that fail there. */
export function paintEdge(context: CanvasRenderingContext2D, { width, tone, errorShare, ...ends }: DrawnEdge, ink: Ink): void {
  const [form] = getBezierPath({ ...ends, sourcePosition: Position.Right, targetPosition: Position.Left })
  const path = new Path2D(form)
  context.lineWidth = width
  context.strokeStyle = strokeOf(tone, ink)
  context.globalAlpha = tone === 'selected' || tone === 'idle' ? 1 : THROUGH
  context.setLineDash(tone === 'idle' ? IDLE_DASH : [])
  context.stroke(path)
  context.globalAlpha = 1
  if (errorShare === 0) return
  const length = lengthOf(form)
  const red = length * Math.max(LEAST_SHARE, Math.min(1, errorShare))
  context.setLineDash([red, 2 * length])
  context.lineDashOffset = red - length
  context.strokeStyle = ink.bad
  context.stroke(path)
  context.lineDashOffset = 0
}

function lengthOf(form: string): number {
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', form)
  return path.getTotalLength()
}

function tonesOf(tone: Label['tone'], ink: Ink): [text: string, ground: string] {
  if (tone === 'bad') return [ink.bad, ink['bad-tint']]
  if (tone === 'warn') return [ink.warn, ink['warn-tint']]
  return [tone === 'rate' ? ink.text : ink.secondary, ink.surface]
}

/** Draws what an edge says on a ground of its own. */
export function paintLabel(context: CanvasRenderingContext2D, { x, y, text, width, tone }: Label, ink: Ink): void {
  const [colour, ground] = tonesOf(tone, ink)
  context.beginPath()
  context.roundRect(x - width / 2, y - PILL / 2, width, PILL, PILL / 2)
  context.fillStyle = ground
  context.fill()
  if (tone === 'rate') {
    context.lineWidth = 1
    context.strokeStyle = ink.line
    context.stroke()
  }
  context.font = `12px ${FONT}`
  context.textAlign = 'center'
  context.fillStyle = colour
  context.fillText(text, x, y + 4)
}

/** Draws the figures of a card. */
export function paintFigures(context: CanvasRenderingContext2D, figures: readonly Figure[], ink: Ink): void {
  context.textAlign = 'right'
  for (const { x, y, text, isSmall } of figures) {
    context.font = `${isSmall ? 11 : 12}px ${FONT}`
    context.fillStyle = isSmall ? ink.secondary : ink.text
    context.fillText(text, x, y)
  }
}

/** Draws the mark of a card that fails (a stroke and a point) or holds its senders back (a gauge's hand). */
export function paintMark(context: CanvasRenderingContext2D, { x, y, tone }: Mark, ink: Ink, zoom: number): void {
  const radius = Math.max(MARK, LEAST_MARK / zoom)
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fillStyle = ink[`${tone}-tint`]
  context.fill()
  context.setLineDash([])
  context.lineWidth = radius / 5
  context.strokeStyle = ink[tone]
  context.stroke()
  const unit = radius / 7
  context.beginPath()
  if (tone === 'bad') {
    context.moveTo(x, y - 4 * unit)
    context.lineTo(x, y + unit)
    context.moveTo(x, y + 3 * unit)
    context.lineTo(x, y + 4 * unit)
  } else {
    context.moveTo(x - unit, y + 2 * unit)
    context.lineTo(x + 3 * unit, y - 2 * unit)
    context.moveTo(x - 4 * unit, y + 2 * unit)
    context.arc(x, y + 2 * unit, 4 * unit, Math.PI, 1.5 * Math.PI)
  }
  context.stroke()
}
