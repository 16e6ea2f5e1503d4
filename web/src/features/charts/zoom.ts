import type { Range } from './range'
import { minutesOf, RANGES } from './range'

/** A part of a range of time, in epoch milliseconds. It stands in the address as `from` and `to`. */
export type Zoom = { from: number; to: number }

/** Two points of a series need this much. */
export const SHORTEST_MS = 120_000

/** What an address says of a part, if it is one. */
export function zoomOf(search: Record<string, unknown>): Partial<Zoom> {
  const { from, to } = search
  const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value > 0
  return isTime(from) && isTime(to) && to - from >= SHORTEST_MS ? { from, to } : {}
}

/** A part between two moments in any order, no shorter than can be seen, with whole milliseconds. */
export function between(one: number, other: number): Zoom {
  const from = Math.round(Math.min(one, other))
  return { from, to: Math.max(Math.round(Math.max(one, other)), from + SHORTEST_MS) }
}

/** The middle half of what is shown. */
export function closer({ from, to }: Zoom): Zoom {
  const quarter = (to - from) / 4
  return between(from + quarter, to - quarter)
}

/** Twice of what is shown, or undefined where that is the whole. */
export function wider({ from, to }: Zoom, whole: Zoom): Zoom | undefined {
  const half = (to - from) / 2
  const made = between(Math.max(from - half, whole.from), Math.min(to + half, whole.to))
  return made.to - made.from >= (whole.to - whole.from) * 0.99 ? undefined : made
}

/** What lies half a window before (−1) or after (1), inside of the whole. */
export function beside({ from, to }: Zoom, direction: -1 | 1, whole: Zoom): Zoom {
  const step = ((to - from) / 2) * direction
  const allowed = Math.max(Math.min(step, whole.to - to), Math.min(whole.from - from, 0))
  return between(from + allowed, to + allowed)
}

/** The range that must be asked for, so that a part of the past is in it. */
export function covering(range: Range, from: number | undefined, now: number): Range {
  const minutes = Math.max(minutesOf(range), from === undefined ? 0 : (now - from) / 60_000)
  return RANGES.find((each) => minutesOf(each) >= minutes) ?? '7d'
}
