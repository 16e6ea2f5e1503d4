import type { ComponentRates } from '@/api/gen'
import { formatRate } from '@/lib/format'
import type { Point } from '../graph/operations'
import type { Port } from '../graph/ports'
import type { Component, Edge } from '../graph/types'
import type { Ends } from './edge-shape'
import { edgeWidth, labelPlace } from './edge-shape'
import { healthOf, healthWord } from './flow-health'
import { cardTime, LONG, receiverTime } from './live-words'
import { CARD_WIDTH, INPUT_PLACE, portPlaces } from './nodes'

type RatesOf = (component: string) => ComponentRates | undefined

/** A card as it stands on the canvas. */
export type Standing = Point & { component: Component; ports: Port[] }
export type Line = { edge: Edge; isBroken: boolean; isSelected: boolean; isPointedAt: boolean }

/** What an edge looks like; the place is that of the graph, not of the screen. */
export type DrawnEdge = Ends & { width: number; tone: 'idle' | 'calm' | 'busy' | 'broken' | 'selected'; errorShare: number }
export type Label = Point & { text: string; width: number; tone: 'rate' | 'bad' | 'warn' | 'plain' }
/** A figure on a card: it ends at x and stands on y. */
export type Figure = Point & { text: string; isSmall: boolean }
export type Mark = Point & { tone: 'bad' | 'warn' }

const CHARACTER = 7.2
const PADDING = 16
/** How far from its ends a label is above or below the cards there. */
const CLEAR = 40
const BELOW = 19
/** Where a card's figures end, and the first of their lines. */
const RIGHT = CARD_WIDTH - 11
const FIRST_LINE = 21
const SECOND_LINE = 37

/** Where an edge runs between two cards, or null when one of them has no such place. */
export function endsOf(edge: Edge, source: Standing | undefined, target: Standing | undefined): Ends | null {
  if (source === undefined || target === undefined) return null
  const from = portPlaces(source.ports).get(edge.port)
  if (from === undefined) return null
  return { sourceX: source.x + from.x, sourceY: source.y + from.y, targetX: target.x + INPUT_PLACE.x, targetY: target.y + INPUT_PLACE.y }
}

/** An edge as wide as it carries, dashed while nothing flows, red for the share that fails where it ends. */
export function drawnEdge({ edge, isBroken, isSelected }: Line, ends: Ends, of: RatesOf): DrawnEdge {
  const rate = of(edge.source)?.outputs[edge.port]?.events_per_second ?? 0
  const { isBusy, errorShare } = healthOf(of(edge.target))
  const tone = isBroken ? 'broken' : isSelected ? 'selected' : rate === 0 ? 'idle' : isBusy ? 'busy' : 'calm'
  return { ...ends, width: edgeWidth(rate), tone, errorShare: rate === 0 ? 0 : errorShare }
}

/** A label is whole or not there: half a figure under a card would be a wrong one. */
function fits({ x, y }: Point, width: number, { sourceX, sourceY, targetX, targetY }: Ends): boolean {
  const isBetween = x - width / 2 >= sourceX && x + width / 2 <= targetX
  return isBetween || (Math.abs(y - sourceY) > CLEAR && Math.abs(y - targetY) > CLEAR)
}

/** What an edge says in figures and words, as far as there is room, and all of it when it is pointed at. */
export function labelsOf({ edge, isSelected, isPointedAt }: Line, ends: Ends, of: RatesOf): Label[] {
  const rate = of(edge.source)?.outputs[edge.port]?.events_per_second
  const receiver = of(edge.target)
  const worst = healthWord(healthOf(receiver))
  const time = receiverTime(receiver)
  const isAsked = isSelected || isPointedAt
  const { x, y } = labelPlace(ends)
  const labels: Label[] = []
  const add = (text: string, tone: Label['tone'], down: number) => {
    const width = text.length * CHARACTER + PADDING
    if (isAsked || fits({ x, y }, width, ends)) labels.push({ x, y: y + down, text, width, tone })
  }
  if (rate !== undefined) add(`${formatRate(rate)}/s`, 'rate', 0)
  if (worst !== null) add(worst.word, worst.tone, BELOW)
  else if (time !== null && (rate ?? 0) > 0 && (isAsked || time.seconds >= LONG)) add(time.short, 'plain', BELOW)
  return labels
}

/** The figures on a card: how long events take, and what leaves it by each output, or comes into a sink. */
export function figuresOf({ x, y, component, ports }: Standing, of: RatesOf): Figure[] {
  const rates = of(component.id)
  if (rates === undefined) return []
  const figures: Figure[] = []
  const time = cardTime(component.kind, rates)
  if (time !== null) figures.push({ x: x + RIGHT, y: y + FIRST_LINE, text: time.short, isSmall: true })
  if (component.kind === 'sink') figures.push({ x: x + RIGHT, y: y + SECOND_LINE, text: `${formatRate(rates.received_events_per_second)}/s`, isSmall: false })
  for (const [name, place] of portPlaces(ports)) {
    const rate = rates.outputs[name]?.events_per_second
    if (rate === undefined) continue
    const isFirst = place.y === INPUT_PLACE.y
    figures.push({ x: x + RIGHT, y: y + (isFirst ? SECOND_LINE : place.y + 4), text: `${formatRate(rate)}/s`, isSmall: false })
  }
  return figures
}

/** The mark at a card's corner: it fails, or holds its senders back. */
export function markOf({ x, y, component }: Standing, of: RatesOf): Mark | null {
  const rates = of(component.id)
  const tone = (rates?.errors_per_second ?? 0) > 0 ? 'bad' : healthOf(rates).isBusy ? 'warn' : null
  return tone === null ? null : { x: x + CARD_WIDTH - 6, y: y + 1, tone }
}
