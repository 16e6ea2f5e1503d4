import type { Line, LineEvents, LineState } from './direct-line'
import { DirectLine } from './direct-line'
import { browserTabs, SharedLine } from './shared-line'

export type LiveEvent = { kind: string; topic: string; data: Record<string, unknown> }
export type LiveState = LineState

type Listener = (event: LiveEvent) => void

const SETTLE_MS = 50

function parse(kind: string, text: string): LiveEvent | null {
  try {
    const data: unknown = JSON.parse(text)
    if (typeof data !== 'object' || data === null) return null
    const record = data as Record<string, unknown>
    const id = typeof record.id === 'string' ? record.id : ''
    return { kind, topic: typeof record.topic === 'string' ? record.topic : `${kind}:${id}`, data: record }
  } catch {
    return null
  }
}

function lineOf(org: string, to: LineEvents): Line {
  const tabs = browserTabs()
  return tabs === null ? new DirectLine(org, to) : new SharedLine(org, to, tabs)
}

/** The events of one organisation; topics come and go with the pages that listen. */
export class EventHub {
  private readonly topics = new Map<string, Set<Listener>>()
  private readonly stateListeners = new Set<() => void>()
  private readonly line: Line
  private timer: ReturnType<typeof setTimeout> | undefined
  private asked = ''
  private current: LiveState = 'idle'

  constructor(org: string, line: (org: string, to: LineEvents) => Line = lineOf) {
    this.line = line(org, {
      event: (kind, text) => this.deliver(kind, text),
      state: (state) => this.setState(state),
    })
  }

  /** Listens to a topic such as `rates:<pipeline id>` until the returned function is called. */
  subscribe(topic: string, listener: Listener): () => void {
    const listeners = this.topics.get(topic) ?? new Set()
    listeners.add(listener)
    this.topics.set(topic, listeners)
    this.askSoon()
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.topics.get(topic) === listeners) this.topics.delete(topic)
      this.askSoon()
    }
  }

  /** Whether live data arrives at the moment. */
  readonly state = (): LiveState => this.current

  /** Tells when the state changes. */
  readonly onState = (listener: () => void): (() => void) => {
    this.stateListeners.add(listener)
    return () => this.stateListeners.delete(listener)
  }

  private setState(state: LiveState): void {
    if (state === this.current) return
    this.current = state
    for (const listener of this.stateListeners) listener()
  }

  private askSoon(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      const wanted = [...this.topics.keys()]
      const asked = [...wanted].sort().join(',')
      if (asked === this.asked) return
      this.asked = asked
      this.line.want(wanted)
    }, SETTLE_MS)
  }

  private deliver(kind: string, text: string): void {
    const event = parse(kind, text)
    if (event === null) return
    for (const listener of this.topics.get(event.topic) ?? []) listener(event)
  }
}
