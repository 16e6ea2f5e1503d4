import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ComponentRates, Rates } from '@/api/gen'
import { DirectLine } from './direct-line'
import { EventHub } from './event-hub'
import { RatesStore } from './rates-store'

class FakeSource {
  readyState = 0
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  private readonly listeners = new Map<string, (event: { data: string }) => void>()
  constructor(readonly url: string) {}
  addEventListener(kind: string, listener: (event: { data: string }) => void) {
    this.listeners.set(kind, listener)
  }
  close() {
    this.readyState = 2
  }
  open() {
    this.readyState = 1
    this.onopen?.()
  }
  send(kind: string, data: string) {
    this.listeners.get(kind)?.({ data })
  }
}

describe('the event hub', () => {
  let sources: FakeSource[] = []
  const hub = () =>
    new EventHub(
      'demo',
      (org, to) =>
        new DirectLine(org, to, (url) => {
          const source = new FakeSource(url)
          sources.push(source)
          return source as unknown as EventSource
        }),
    )
  beforeEach(() => {
    sources = []
    vi.useFakeTimers()
  })
  afterEach(() => vi.useRealTimers())

  it('opens one stream for all topics, and a new one when they change', () => {
    const one = hub()
    const stop = one.subscribe('rates:a', () => undefined)
    one.subscribe('rollout:b', () => undefined)
    vi.advanceTimersByTime(200)
    expect(sources.map((each) => each.url)).toEqual(['/api/v1/orgs/demo/events?topics=rates%3Aa%2Crollout%3Ab'])
    sources[0]?.open()
    expect(one.state()).toBe('open')
    stop()
    vi.advanceTimersByTime(200)
    expect(sources[0]?.readyState).toBe(2)
    expect(sources[1]?.url).toContain('topics=rollout%3Ab')
  })
  it('keeps the stream when a page is left and the same topic is wanted at once', () => {
    const one = hub()
    const stop = one.subscribe('rates:a', () => undefined)
    vi.advanceTimersByTime(200)
    sources[0]?.open()
    stop()
    one.subscribe('rates:a', () => undefined)
    vi.advanceTimersByTime(200)
    expect(sources).toHaveLength(1)
  })
  it('delivers to the topic only, and survives what is not JSON', () => {
    const seen: unknown[] = []
    const one = hub()
    one.subscribe('rates:a', (event) => seen.push(event.data.id))
    vi.advanceTimersByTime(200)
    sources[0]?.send('rates', '{')
    sources[0]?.send('rates', '{"topic":"rates:b","id":"b"}')
    sources[0]?.send('rates', '{"topic":"rates:a","id":"a"}')
    sources[0]?.send('rates', '{"id":"a"}')
    expect(seen).toEqual(['a', 'a'])
  })
  it('comes back after the server refused, later each time', () => {
    const one = hub()
    one.subscribe('rates:a', () => undefined)
    vi.advanceTimersByTime(200)
    for (let tries = 1; tries < 4; tries += 1) {
      const last = sources.at(-1)
      if (last !== undefined) last.readyState = 2
      last?.onerror?.()
      expect(one.state()).toBe('lost')
      vi.advanceTimersByTime(60_000)
      expect(sources).toHaveLength(tries + 1)
    }
  })
})

const rate = (value: number): ComponentRates => ({
  received_events_per_second: value,
  sent_events_per_second: value,
  errors_per_second: 0,
  discarded_per_second: 0,
  received_events_total: value,
  outputs: { _default: { events_per_second: value, events_total: value } },
  sent_events_total: value,
  errors_total: 0,
  discarded_total: 0,
  utilization: null,
  latency: null,
  lag: null,
  wait: null,
  buffer: null,
})
const rates = (at: string, components: Rates['components'], stale: number | null = null): Rates => ({
  at,
  window_seconds: 15,
  stale_seconds: stale,
  components,
})

describe('the rates store', () => {
  it('tells only the components that changed', () => {
    const store = new RatesStore()
    store.update(rates('2026-01-01T00:00:00Z', { a: rate(1), b: rate(1) }), 0)
    const calls: string[] = []
    store.subscribe('a', () => calls.push('a'))
    store.subscribe('b', () => calls.push('b'))
    const before = store.get('b')
    store.update(rates('2026-01-01T00:00:01Z', { a: rate(2), b: rate(1) }), 0)
    expect(calls).toEqual(['a'])
    expect(store.get('b')).toBe(before)
    store.update(rates('2026-01-01T00:00:02Z', { b: rate(1) }), 0)
    expect(calls).toEqual(['a', 'a'])
    expect(store.get('a')).toBeUndefined()
  })
  it('tells a large pipeline over several frames, each component once with its newest rates', () => {
    const frames: (() => void)[] = []
    const store = new RatesStore((run) => frames.push(run))
    const all = (value: number) => Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`c${n}`, rate(value)]))
    const told: string[] = []
    for (const id of Object.keys(all(0))) store.subscribe(id, () => told.push(id))
    store.update(rates('2026-01-01T00:00:00Z', all(1)), 0)
    expect(told).toHaveLength(4)
    store.update(rates('2026-01-01T00:00:01Z', all(2)), 0)
    expect(told).toHaveLength(4)
    while (frames.length > 0) frames.shift()?.()
    expect(told).toHaveLength(4 + 30)
    expect(store.get('c29')?.received_events_per_second).toBe(2)
  })
  it('ignores what is older than what it has', () => {
    const store = new RatesStore()
    store.update(rates('2026-01-01T00:00:05Z', { a: rate(2) }), 0)
    store.update(rates('2026-01-01T00:00:01Z', { a: rate(1) }), 0)
    expect(store.get('a')?.received_events_total).toBe(2)
  })
  it('says how old its data is', () => {
    const store = new RatesStore()
    expect(store.staleSeconds(1e6)).toBeNull()
    store.update(rates('2026-01-01T00:00:00Z', {}), 1000)
    expect(store.staleSeconds(11_000)).toBeNull()
    expect(store.staleSeconds(61_000)).toBe(60)
    store.update(rates('2026-01-01T00:00:01Z', {}, 90), 1000)
    expect(store.staleSeconds(11_000)).toBe(100)
  })
})
