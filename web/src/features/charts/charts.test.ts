import { describe, expect, it } from 'vitest'
import { minutesOf, RANGES, rangeOf, refreshOf } from './range'
import type { Incident } from '@/api/gen'
import { incidentMarks } from './incident-marks'
import { formatValue, lineOf, tableOf, within, withGaps } from './series'

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
  expect(tableOf(lines, [])).toEqual([
    { at: 3, values: [30, 0], marks: [] },
    { at: 1, values: [10, null], marks: [] },
  ])
  // What happened has its own moment, whether something was measured then or not.
  const marks = [{ at: 3, label: 'revision 2' }, { at: 2, label: 'Silent', tone: 'bad' as const }, { at: 3, label: 'Errors', tone: 'bad' as const }]
  expect(tableOf(lines, marks)).toEqual([
    { at: 3, values: [30, 0], marks: ['revision 2', 'Errors'] },
    { at: 2, values: [null, null], marks: ['Silent'] },
    { at: 1, values: [10, null], marks: [] },
  ])
})

it('incidents are marked when they were opened, only those of what is shown, and only in its time', () => {
  const incident = (opened: number, node: string) => ({ rule_name: `rule ${opened}`, node_id: node, pipeline_id: null, opened_at: new Date(opened).toISOString() }) as Incident
  const marks = incidentMarks([incident(9000, 'a'), incident(5000, 'b'), incident(1000, 'a')], 'node_id', 'a')
  expect(within(marks, { from: 1000, to: 8999 })).toEqual([{ at: 1000, label: 'rule 1000', tone: 'bad' }])
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
