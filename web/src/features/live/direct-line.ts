export type LineState = 'idle' | 'connecting' | 'open' | 'lost'

/** Where events of the server come from: one stream of this tab, or the one that all tabs share. */
export interface Line {
  /** Asks for exactly these topics from now on. */
  want(topics: string[]): void
}

export interface LineEvents {
  event(kind: string, text: string): void
  state(state: LineState): void
}

const KINDS = ['rates', 'pipeline', 'rollout', 'nodes', 'logs'] as const
const SETTLE_MS = 50
const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 30_000
// The server refuses a stream with more; who asked last is served, the others poll.
const MOST_TOPICS = 50

/** A stream of this tab's own; it comes back by itself, later each time the server refuses. */
export class DirectLine implements Line {
  private topics: string[] = []
  private source: EventSource | null = null
  private connected = ''
  private timer: ReturnType<typeof setTimeout> | undefined
  private failures = 0

  constructor(
    private readonly org: string,
    private readonly to: LineEvents,
    private readonly open: (url: string) => EventSource = (url) => new EventSource(url),
  ) {}

  want(topics: string[]): void {
    this.topics = topics.slice(-MOST_TOPICS)
    this.reconnectIn(SETTLE_MS)
  }

  private reconnectIn(delay: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.connect(), delay)
  }

  private connect(): void {
    const wanted = [...this.topics].sort().join(',')
    // One that is being opened is let be; only what has ended for good is opened again.
    if (wanted === this.connected && this.source !== null && this.source.readyState !== 2) return
    this.source?.close()
    this.source = null
    this.connected = wanted
    if (wanted === '') {
      this.to.state('idle')
      return
    }
    this.to.state('connecting')
    const source = this.open(`/api/v1/orgs/${encodeURIComponent(this.org)}/events?topics=${encodeURIComponent(wanted)}`)
    this.source = source
    source.onopen = () => {
      this.failures = 0
      this.to.state('open')
    }
    source.onerror = () => this.failed(source)
    for (const kind of KINDS) {
      source.addEventListener(kind, (message: MessageEvent<string>) => {
        this.failures = 0
        this.to.event(kind, message.data)
      })
    }
  }

  private failed(source: EventSource): void {
    if (source !== this.source) return
    this.to.state('lost')
    // The browser retries a dropped connection itself, but gives up for good on an error status.
    if (source.readyState !== 2) return
    this.failures += 1
    const delay = Math.min(FIRST_RETRY_MS * 2 ** (this.failures - 1), LAST_RETRY_MS)
    this.reconnectIn(delay * (0.75 + Math.random() / 2))
  }
}
