export type LiveEvent = { kind: string; topic: string; data: Record<string, unknown> }
export type LiveState = 'idle' | 'connecting' | 'open' | 'lost'

type Listener = (event: LiveEvent) => void

const KINDS = ['rates', 'pipeline', 'rollout', 'nodes'] as const
const SETTLE_MS = 50
const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 30_000

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

/** One event stream per organisation; topics come and go with the pages that listen. */
export class EventHub {
  private readonly topics = new Map<string, Set<Listener>>()
  private readonly stateListeners = new Set<() => void>()
  private source: EventSource | null = null
  private connected = ''
  private timer: ReturnType<typeof setTimeout> | undefined
  private failures = 0
  private current: LiveState = 'idle'

  constructor(
    private readonly org: string,
    private readonly open: (url: string) => EventSource = (url) => new EventSource(url),
  ) {}

  /** Listens to a topic such as `rates:<pipeline id>` until the returned function is called. */
  subscribe(topic: string, listener: Listener): () => void {
    const listeners = this.topics.get(topic) ?? new Set()
    listeners.add(listener)
    this.topics.set(topic, listeners)
    this.reconnectIn(SETTLE_MS)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.topics.get(topic) === listeners) this.topics.delete(topic)
      this.reconnectIn(SETTLE_MS)
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

  private reconnectIn(delay: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.connect(), delay)
  }

  private connect(): void {
    const wanted = [...this.topics.keys()].sort().join(',')
    if (wanted === this.connected && this.source?.readyState === 1) return
    this.source?.close()
    this.source = null
    this.connected = wanted
    if (wanted === '') {
      this.setState('idle')
      return
    }
    this.setState('connecting')
    const source = this.open(`/api/v1/orgs/${encodeURIComponent(this.org)}/events?topics=${encodeURIComponent(wanted)}`)
    this.source = source
    source.onopen = () => {
      this.failures = 0
      this.setState('open')
    }
    source.onerror = () => this.failed(source)
    for (const kind of KINDS) {
      source.addEventListener(kind, (message: MessageEvent<string>) => this.deliver(kind, message.data))
    }
  }

  private failed(source: EventSource): void {
    if (source !== this.source) return
    this.setState('lost')
    // The browser retries a dropped connection itself, but gives up for good on an error status.
    if (source.readyState !== 2) return
    this.failures += 1
    const delay = Math.min(FIRST_RETRY_MS * 2 ** (this.failures - 1), LAST_RETRY_MS)
    this.reconnectIn(delay * (0.75 + Math.random() / 2))
  }

  private deliver(kind: string, text: string): void {
    const event = parse(kind, text)
    if (event === null) return
    this.failures = 0
    for (const listener of this.topics.get(event.topic) ?? []) listener(event)
  }
}
