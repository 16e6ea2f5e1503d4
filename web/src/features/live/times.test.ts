import { describe, expect, it } from 'vitest'
import type { ComponentRates } from '@/api/gen'
import { bufferFill, ownTime, timingWords, waitTime } from './times'

const rates = (change: Partial<ComponentRates>): ComponentRates => ({
  received_events_per_second: 1,
  sent_events_per_second: 1,
  errors_per_second: 0,
  discarded_per_second: 0,
  received_events_total: 1,
  sent_events_total: 1,
  errors_total: 0,
  discarded_total: 0,
  outputs: {},
  utilization: null,
  latency: null,
  lag: null,
  wait: null,
  buffer: null,
  ...change,
})

describe('what is told of times', () => {
  it('is nothing where the engine reports nothing', () => {
    for (const told of [undefined, rates({})]) expect([ownTime(told), waitTime(told), bufferFill(told)]).toEqual([null, null, null])
  })
  it('calls a percentile of buckets a bound, and names none beyond the last', () => {
    expect(timingWords({ mean: 0.0003, p50_at_most: 0.015625, p95_at_most: 0.03125 })).toBe('0.3 ms on average, 95 of 100 at most 31 ms')
    expect(timingWords({ mean: 5000, p50_at_most: 4096, p95_at_most: null })).toBe('1 h on average')
  })
  it('is latency of a transform, and the age of events at a source', () => {
    const timing = { mean: 0.0003, p50_at_most: 0.015625, p95_at_most: 0.015625 }
    expect(ownTime(rates({ latency: timing }))?.short).toBe('0.3 ms')
    expect(ownTime(rates({ lag: timing }))?.short).toBe('0.3 ms old')
    expect(waitTime(rates({ wait: timing }))?.words).toBe('Wait to get into the buffer: 0.3 ms on average, 95 of 100 at most 16 ms')
  })
  it('says how full a buffer is only when it knows how large it is', () => {
    const buffer = { events: 490, bytes: 0, max_events: 500, max_bytes: null, fill: 0.989 }
    expect(bufferFill(rates({ buffer }))).toEqual({ short: 'buffer 98%', words: 'In the buffer: 490 events; the fullest is 98% full' })
    expect(bufferFill(rates({ buffer: { ...buffer, max_events: null, fill: null } }))?.short).toBe('490 wait')
  })
})
