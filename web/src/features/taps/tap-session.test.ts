import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Tap } from '@/api/gen'
import { MOST_SHOWN, TapSession } from './tap-session'

const TAP: Tap = {
  id: 't',
  pipeline_id: 'p',
  component: 'in',
  port: '',
  reason: 'a test',
  where: [],
  events_per_second: 50,
  requested_by: 'Ann',
  created_at: '',
  expires_at: '',
  ended_at: null,
  ended: '',
  nodes: [],
}

class FakeSource {
  readyState = 1
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  isClosed = false
  private readonly listeners = new Map<string, (message: { data: string }) => void>()
  addEventListener(kind: string, listener: (message: { data: string }) => void) {
    this.listeners.set(kind, listener)
  }
  close() {
    this.isClosed = true
  }
  say(kind: string, data: unknown) {
    this.listeners.get(kind)?.({ data: JSON.stringify(data) })
  }
}

function event(number: number) {
  return { node_id: 'n', at: '', component: 'in', port: '', kind: 'log', event: { number }, cut: false, binary: false, redacted: 0 }
}

let sources: FakeSource[]

function session(): TapSession {
  return new TapSession('/x', TAP, () => {
    const source = new FakeSource()
    sources.push(source)
    return source as unknown as EventSource
  })
}

const last = () => sources[sources.length - 1] as FakeSource

describe('a tap session', () => {
  beforeEach(() => {
    sources = []
    vi.useFakeTimers()
  })
  afterEach(() => vi.useRealTimers())

  it('shows the newest first, keeps what is pinned and has a bound', () => {
    const tap = session()
    last().say('events', { items: [event(1), event(2)] })
    expect(tap.current().events).toEqual([])
    vi.advanceTimersByTime(300)
    expect(tap.current().events.map((each) => each.number)).toEqual([2, 1])
    tap.pin(1)
    for (let round = 0; round < 10; round += 1) {
      last().say('events', { items: Array.from({ length: 300 }, (_, index) => event(index)) })
      vi.advanceTimersByTime(300)
    }
    const { events, missed, received } = tap.current()
    expect(events).toHaveLength(MOST_SHOWN)
    expect(events.some((each) => each.number === 1)).toBe(true)
    expect([received, missed]).toEqual([3002, 1000])
  })

  it('counts while it is paused', () => {
    const tap = session()
    tap.pause(true)
    last().say('events', { items: [event(1)] })
    vi.advanceTimersByTime(300)
    expect(tap.current()).toMatchObject({ events: [], missed: 1, received: 1 })
  })

  it('ends with the tap and tries again after a failure', () => {
    const tap = session()
    last().readyState = 2
    last().onerror?.()
    expect(tap.current().connection).toBe('lost')
    vi.advanceTimersByTime(3000)
    expect(sources).toHaveLength(2)
    last().say('events', { items: [event(1)] })
    last().say('tap', { ...TAP, ended: 'not-allowed' })
    expect(tap.current()).toMatchObject({ connection: 'ended', received: 1 })
    expect(last().isClosed).toBe(true)
  })

  it('survives garbage', () => {
    const tap = session()
    last().say('events', { items: 7 })
    last().say('events', null)
    vi.advanceTimersByTime(300)
    expect(tap.current().events).toEqual([])
  })
})
