import type { Point } from '../graph/operations'

/** Where a connection begins and ends. */
export type Ends = { sourceX: number; sourceY: number; targetX: number; targetY: number }

const LABEL_AT = 0.36
/** On a shorter edge than this the label would cover the handle, so it stands in the middle. */
const SHORT = 90

/** The width of an edge in pixels for its events per second, on a log scale. */
export function edgeWidth(rate: number | undefined): number {
  if (rate === undefined || rate <= 0) return 1.5
  // Half pixels: what nobody sees is not drawn anew.
  return Math.round(Math.min(8, 1.5 + Math.log10(1 + rate) * 1.4) * 2) / 2
}

/** Where the rate stands: nearer to the sender, so that edges into one target do not write over each other. */
export function labelPlace({ sourceX, sourceY, targetX, targetY }: Ends): Point {
  const bend = Math.max(Math.abs(targetX - sourceX) / 2, 30)
  const t1 = targetX - sourceX < SHORT ? 0.5 : LABEL_AT
  const u = 1 - t1
  const along = (a: number, b: number, c: number, d: number) => u * u * u * a + 3 * u * u * t1 * b + 3 * u * t1 * t1 * c + t1 * t1 * t1 * d
  return { x: along(sourceX, sourceX + bend, targetX - bend, targetX), y: along(sourceY, sourceY, targetY, targetY) }
}
