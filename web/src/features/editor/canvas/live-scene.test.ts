import { describe, expect, it } from 'vitest'
import type { ComponentRates } from '@/api/gen'
import type { Component, Edge } from '../graph/types'
import type { Line, Standing } from './live-scene'
import { drawnEdge, endsOf, figuresOf, labelsOf, markOf } from './live-scene'
import { liveWords } from './live-words'

const CALM: ComponentRates = {
  received_events_per_second: 120,
  sent_events_per_second: 1234,
  errors_per_second: 0,
  discarded_per_second: 0,
  received_events_total: 1,
  sent_events_total: 1,
  errors_total: 0,
  discarded_total: 0,
  utilization: 0.2,
  latency: { mean: 0.002, p50_at_most: null, p95_at_most: null },
  lag: null,
  wait: null,
  buffer: null,
  outputs: { _default: { events_per_second: 1234, events_total: 1 } },
}
const EDGE: Edge = { source: 'a', port: '_default', target: 'b' }
const LINE: Line = { edge: EDGE, isBroken: false, isSelected: false, isPointedAt: false }

function standing(id: string, kind: Component['kind'], x: number, ports: string[]): Standing {
  return { x, y: 100, component: { id, kind, type: 'any', options: {}, enabled: true, comment: '' }, ports: ports.map((name) => ({ name, types: [] })) }
}

const known = (rates: Record<string, Partial<ComponentRates>>) => (id: string) => (rates[id] === undefined ? undefined : { ...CALM, ...rates[id] })
const nothing = () => undefined
const endsAt = (gap: number) => endsOf(EDGE, standing('a', 'source', 0, ['_default']), standing('b', 'sink', 208 + gap, []))!

describe('an edge', () => {
  it('runs from its output to the input, and nowhere from an output that is not there', () => {
    expect(endsAt(52)).toEqual({ sourceX: 212, sourceY: 125, targetX: 256, targetY: 125 })
    const routed = standing('a', 'transform', 0, ['one', 'two'])
    expect(endsOf({ ...EDGE, port: 'two' }, routed, standing('b', 'sink', 300, []))).toMatchObject({ sourceY: 100 + 54 + 36 })
    expect(endsOf(EDGE, routed, standing('b', 'sink', 300, []))).toBeNull()
    expect(endsOf(EDGE, undefined, routed)).toBeNull()
  })

  it('shows volume, rest, back-pressure and what fails', () => {
    expect(drawnEdge(LINE, endsAt(52), nothing)).toMatchObject({ tone: 'idle', width: 1.5, errorShare: 0 })
    expect(drawnEdge(LINE, endsAt(52), known({ a: {}, b: {} }))).toMatchObject({ tone: 'calm', width: 6, errorShare: 0 })
    expect(drawnEdge(LINE, endsAt(52), known({ a: {}, b: { utilization: 0.95 } }))).toMatchObject({ tone: 'busy' })
    expect(drawnEdge(LINE, endsAt(52), known({ a: {}, b: { errors_per_second: 617 } })).errorShare).toBe(0.5)
    expect(drawnEdge({ ...LINE, isSelected: true, isBroken: true }, endsAt(52), known({ a: {} })).tone).toBe('broken')
  })

  it('says its figure whole or not at all, and always when it is pointed at', () => {
    const of = known({ a: {}, b: {} })
    expect(labelsOf(LINE, endsAt(52), of)).toEqual([])
    expect(labelsOf(LINE, endsAt(140), of).map((each) => each.text)).toEqual(['1.2k/s'])
    expect(labelsOf({ ...LINE, isPointedAt: true }, endsAt(52), of).map((each) => each.text)).toEqual(['1.2k/s', '2 ms'])
    expect(labelsOf(LINE, endsAt(140), nothing)).toEqual([])
  })

  it('says in a word what is wrong, and long times unasked', () => {
    const words = (b: Partial<ComponentRates>) => labelsOf(LINE, endsAt(200), known({ a: {}, b })).map(({ text, tone }) => [text, tone])
    expect(words({ utilization: 0.95 })).toContainEqual(['back-pressure', 'warn'])
    expect(words({ errors_per_second: 617 })).toContainEqual(['50% errors', 'bad'])
    expect(words({ latency: { mean: 0.5, p50_at_most: null, p95_at_most: null } })).toContainEqual(['500 ms', 'plain'])
  })
})

describe('a card', () => {
  it('has a figure at each output that was measured, and its time', () => {
    const texts = (card: Standing, rates: Partial<ComponentRates>) => figuresOf(card, known({ a: rates })).map(({ text, y }) => [text, y])
    expect(texts(standing('a', 'transform', 0, ['_default']), {})).toEqual([
      ['2 ms', 121],
      ['1.2k/s', 137],
    ])
    const outputs = { two: { events_per_second: 5, events_total: 1 } }
    expect(texts(standing('a', 'transform', 0, ['one', 'two']), { outputs, latency: null })).toEqual([['5/s', 100 + 54 + 36 + 4]])
    expect(texts(standing('a', 'sink', 0, []), { latency: null })).toEqual([['120/s', 137]])
    expect(figuresOf(standing('a', 'sink', 0, []), nothing)).toEqual([])
  })

  it('is marked when it fails before when it holds others back', () => {
    const tone = (rates: Partial<ComponentRates>) => markOf(standing('a', 'sink', 0, []), known({ a: rates }))?.tone
    expect(tone({})).toBeUndefined()
    expect(tone({ utilization: 0.9 })).toBe('warn')
    expect(tone({ utilization: 0.9, errors_per_second: 1 })).toBe('bad')
  })

  it('tells all of it in words when it is pointed at', () => {
    expect(liveWords('transform', { ...CALM, utilization: 0.95, errors_per_second: 2 }).split('\n')).toEqual([
      '120 events per second in',
      '1.2k events per second out',
      'Latency with its queue: 2 ms on average',
      'Busy 95% of the time: it holds its senders back',
      '2 errors per second',
    ])
    expect(liveWords('sink', undefined)).toBe('')
  })
})
