import type { Point } from '@/api/gen'
import { formatBytes, formatRate, formatShortTime } from '@/lib/format'
import { t } from '@/lib/i18n'

export type Unit = 'events_per_second' | 'seconds' | 'share' | 'bytes' | 'bytes_per_second' | 'percent' | 'load'

/** One line of a chart. A value of null is a gap: nothing was measured then. */
export type Line = { name: string; tone: Tone; points: [number, number | null][] }
export type Tone = 'source' | 'transform' | 'sink' | 'bad' | 'warn' | 'good' | 'unknown'

/** A moment that something happened, marked in every chart. */
export type Mark = { at: number; label: string; /** Bad: an incident. */ tone?: 'bad' }

/** The marks of a part of time. */
export function within(marks: Mark[], { from, to }: { from: number; to: number }): Mark[] {
  return marks.filter(({ at }) => at >= from && at <= to)
}

/** A value with its unit, as axes, tooltips and tables write it. */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'events_per_second':
      return t('{n}/s', { n: formatRate(value) })
    case 'seconds':
      return formatShortTime(value)
    case 'share':
      return t('{n}%', { n: Math.round(value * 100) })
    case 'percent':
      return t('{n}%', { n: Math.round(value) })
    case 'bytes':
      return formatBytes(value)
    case 'bytes_per_second':
      return t('{size}/s', { size: formatBytes(value) })
    case 'load':
      return value.toFixed(2)
  }
}

/** Puts a gap where a bucket is missing, so that a line never leads over what was not measured. */
export function withGaps<Value extends number | null>(points: [number, Value][], bucketSeconds: number): [number, Value | null][] {
  const made: [number, Value | null][] = []
  let before: number | undefined
  for (const [at, value] of points) {
    if (before !== undefined && at - before > bucketSeconds * 1500) made.push([before + bucketSeconds * 1000, null])
    made.push([at, value])
    before = at
  }
  return made
}

/** The line of a series of the API. */
export function lineOf(name: string, tone: Tone, series: { points: Point[]; bucket_seconds: number } | undefined): Line {
  const points = (series?.points ?? []).map(({ at, value }): [number, number] => [Date.parse(at), value])
  return { name, tone, points: withGaps(points, series?.bucket_seconds ?? 0) }
}

export type Row = { at: number; values: (number | null)[]; /** What happened then. */ marks: string[] }

/** Rows of the table beside a chart, newest first: a time, the value of each line then, and what is marked. */
export function tableOf(lines: Line[], marks: Mark[]): Row[] {
  const moments = new Set(lines.flatMap((line) => line.points.filter(([, value]) => value !== null).map(([at]) => at)))
  const byTime = lines.map((line) => new Map(line.points))
  for (const { at } of marks) moments.add(at)
  return [...moments]
    .sort((a, b) => b - a)
    .map((at) => ({ at, values: byTime.map((values) => values.get(at) ?? null), marks: marks.filter((each) => each.at === at).map(({ label }) => label) }))
}
