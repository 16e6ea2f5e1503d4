import { describe, expect, it } from 'vitest'
import { minutesOf, RANGES, rangeOf, refreshOf } from './range'
import { formatValue, lineOf, tableOf, withGaps } from './series'

describe('a line over time', () => {
  it('has a gap where a bucket was not measured', () => {
    expect(withGaps([[0, 1], [30_000, 2], [120_000, 3]], 30)).toEqual([[0, 1], [30_000, 2], [60_000, null], [120_000, 3]])
    expect(withGaps([], 30)).toEqual([])
  })
  it('is read from a series of the API, and from none', () => {
    const series = { points: [{ at: '1970-01-01T00:00:30.000Z', value: 5 }], bucket_seconds: 30 }
    expect(lineOf('In', 'source', series).points).toEqual([[30_000, 5]])
    expect(lineOf('In', 'source', undefined).points).toEqual([])
  })
})

it('the table holds every measured moment once, newest first, and no gap', () => {
  const lines = [
    { name: 'a', tone: 'source' as const, points: [[1, 10], [2, null], [3, 30]] as [number, number | null][] },
    { name: 'b', tone: 'sink' as const, points: [[3, 0]] as [number, number | null][] },
  ]
  expect(tableOf(lines)).toEqual([
    { at: 3, values: [30, 0] },
    { at: 1, values: [10, null] },
  ])
})

it('values have their units', () => {
  const shown = (['events_per_second', 'seconds', 'share', 'percent', 'bytes', 'bytes_per_second', 'load'] as const).map((unit) => formatValue(0.5, unit))
  expect(shown).toEqual(['0.5/s', '500 ms', '50%', '1%', '1 B', '1 B/s', '0.50'])
})

it('a range in an address is one of those there are', () => {
  expect(rangeOf('6h')).toBe('6h')
  expect([rangeOf('5y'), rangeOf(undefined), rangeOf(6)]).toEqual([undefined, undefined, undefined])
  expect(RANGES.map(minutesOf)).toEqual([15, 60, 360, 1440, 10_080])
  expect([refreshOf('1h'), refreshOf('7d')]).toEqual([15_000, 60_000])
})
