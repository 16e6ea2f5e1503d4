import type { Tap } from '@/api/gen'

export type TappedEvent = {
  node_id: string
  at: string
  component: string
  port: string
  kind: string
  event: unknown
  cut: boolean
  binary: boolean
  redacted: number
}
export type ShownEvent = TappedEvent & { number: number; isPinned: boolean }
export type TapState = {
  tap: Tap
  events: readonly ShownEvent[]
  isPaused: boolean
  /** Events that came while it was paused, or had no room. */
  missed: number
  received: number
  connection: 'connecting' | 'open' | 'lost' | 'ended'
}

export const MOST_SHOWN = 500
const PAINT_MS = 200
const PER_PAINT = 200
const RECONNECT_MS = 2000

function itemsOf(text: string): TappedEvent[] {
  try {
    const data = JSON.parse(text) as { items?: unknown }
    return Array.isArray(data.items) ? (data.items as TappedEvent[]) : []
  } catch {
    return []
  }
}

/** One open tap: its stream, and of its events the newest and those that were pinned. Painted five times a second. */
export class TapSession {
  private state: TapState
  private waiting: TappedEvent[] = []
  private readonly listeners = new Set<() => void>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private again: ReturnType<typeof setTimeout> | undefined
  private source: EventSource | null = null
  private number = 0

  constructor(
    private readonly url: string,
    tap: Tap,
    private readonly open: (url: string) => EventSource = (address) => new EventSource(address),
  ) {
    this.state = { tap, events: [], isPaused: false, missed: 0, received: 0, connection: 'connecting' }
    this.connect()
  }

  readonly current = (): TapState => this.state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Ends the stream; the tap itself is stopped by whoever opened it. */
  close(): void {
    this.source?.close()
    this.source = null
    clearTimeout(this.again)
    this.paint()
    if (this.state.connection !== 'ended') this.change({ connection: 'ended' })
  }

  /** Keeps the list as it is, and counts what comes. */
  pause(isPaused: boolean): void {
    this.change({ isPaused })
  }

  /** Keeps an event from being pushed out by newer ones. */
  pin(number: number): void {
    this.change({ events: this.state.events.map((each) => (each.number === number ? { ...each, isPinned: !each.isPinned } : each)) })
  }

  /** Forgets everything that is not pinned. */
  clear(): void {
    this.change({ events: this.state.events.filter((each) => each.isPinned), missed: 0 })
  }

  private connect(): void {
    const source = this.open(this.url)
    this.source = source
    source.onopen = () => this.change({ connection: 'open' })
    source.onerror = () => {
      if (source !== this.source) return
      if (this.state.tap.ended !== '') {
        this.close()
        return
      }
      this.change({ connection: 'lost' })
      // The browser gives up for good on an error status, such as one for a permission that is gone.
      if (source.readyState !== 2) return
      this.source = null
      this.again = setTimeout(() => this.connect(), RECONNECT_MS)
    }
    source.addEventListener('events', (message: MessageEvent<string>) => this.take(itemsOf(message.data)))
    source.addEventListener('tap', (message: MessageEvent<string>) => {
      try {
        this.change({ tap: JSON.parse(message.data) as Tap, connection: 'open' })
      } catch {
        return
      }
      if (this.state.tap.ended !== '') this.close()
    })
  }

  private take(items: TappedEvent[]): void {
    if (items.length === 0) return
    this.waiting.push(...items)
    this.timer ??= setTimeout(() => this.paint(), PAINT_MS)
  }

  private paint(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const items = this.waiting
    this.waiting = []
    if (items.length === 0) return
    const received = this.state.received + items.length
    if (this.state.isPaused) {
      this.change({ received, missed: this.state.missed + items.length })
      return
    }
    const shown = items.slice(-PER_PAINT)
    const fresh = shown.map((each): ShownEvent => ({ ...each, number: ++this.number, isPinned: false })).reverse()
    const room = MOST_SHOWN - this.state.events.filter((each) => each.isPinned).length
    let left = Math.max(0, room)
    const events = [...fresh, ...this.state.events].filter((each) => each.isPinned || left-- > 0)
    this.change({ events, received, missed: this.state.missed + items.length - shown.length })
  }

  private change(part: Partial<TapState>): void {
    this.state = { ...this.state, ...part }
    for (const listener of this.listeners) listener()
  }
}
