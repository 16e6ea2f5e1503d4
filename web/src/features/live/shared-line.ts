import type { Line, LineEvents, LineState } from './direct-line'
import { DirectLine } from './direct-line'

type Word =
  | { type: 'want'; tab: string; topics: string[] }
  | { type: 'who-wants' }
  | { type: 'event'; kind: string; text: string }
  | { type: 'state'; state: LineState }

/** What a tab needs of the browser, so that a test can give it. */
export interface Tabs {
  id: string
  channel(name: string): BroadcastChannel
  /** Calls `held` once the lock is this tab's, which keeps it until its promise ends. */
  lock(name: string, held: () => Promise<void>): void
  direct(org: string, to: LineEvents): Line
}

const forever = () => new Promise<void>(() => undefined)

/** What this browser offers, or null where it cannot share (no secure context). */
export function browserTabs(): Tabs | null {
  if (typeof navigator === 'undefined' || !('locks' in navigator) || typeof BroadcastChannel === 'undefined') return null
  return {
    id: crypto.randomUUID(),
    channel: (name) => new BroadcastChannel(name),
    // A lock that is refused (the page is being left) is no error of the page.
    lock: (name, held) => void navigator.locks.request(name, held).catch(() => undefined),
    direct: (org, to) => new DirectLine(org, to),
  }
}

/**
 * One stream for all tabs of a browser. The tab that holds the lock leads: it opens the stream for what all tabs
 * want and passes on what arrives. Each tab holds a lock of its own name, so that the leader learns when it has gone.
 */
export class SharedLine implements Line {
  private readonly channel: BroadcastChannel
  private readonly wanted = new Map<string, string[]>()
  private mine: string[] = []
  private present = false
  private leading: Line | null = null
  private latest: LineState = 'idle'

  constructor(
    private readonly org: string,
    private readonly to: LineEvents,
    private readonly tabs: Tabs,
  ) {
    this.channel = tabs.channel(`vf:events:${org}`)
    this.channel.onmessage = (message: MessageEvent<Word>) => this.hear(message.data)
    tabs.lock(this.lockOf(tabs.id), () => {
      this.present = true
      this.tellWhatIWant()
      return forever()
    })
    tabs.lock(`vf:events:${org}`, () => {
      this.lead()
      return forever()
    })
  }

  want(topics: string[]): void {
    this.mine = topics
    this.tellWhatIWant()
    if (topics.length === 0) this.to.state('idle')
    else if (this.leading === null) this.to.state(this.latest === 'idle' ? 'connecting' : this.latest)
  }

  private lockOf(tab: string): string {
    return `vf:events:${this.org}:${tab}`
  }

  private say(word: Word): void {
    this.channel.postMessage(word)
  }

  private tellWhatIWant(): void {
    if (this.leading !== null) this.note(this.tabs.id, this.mine)
    else if (this.present) this.say({ type: 'want', tab: this.tabs.id, topics: this.mine })
  }

  private lead(): void {
    this.leading = this.tabs.direct(this.org, {
      event: (kind, text) => {
        this.to.event(kind, text)
        this.say({ type: 'event', kind, text })
      },
      state: (state) => {
        this.hearState(state)
        this.say({ type: 'state', state })
      },
    })
    this.note(this.tabs.id, this.mine)
    this.say({ type: 'who-wants' })
  }

  private note(tab: string, topics: string[]): void {
    // Last asked, last in line: see the limit of topics.
    this.wanted.delete(tab)
    this.wanted.set(tab, topics)
    this.leading?.want([...new Set([...this.wanted.values()].flat())])
  }

  private hear(word: Word): void {
    if (word.type === 'who-wants') this.tellWhatIWant()
    else if (word.type === 'want') this.hearWant(word.tab, word.topics)
    else if (word.type === 'event') this.to.event(word.kind, word.text)
    else this.hearState(word.state)
  }

  private hearWant(tab: string, topics: string[]): void {
    if (this.leading === null) return
    if (!this.wanted.has(tab)) {
      this.tabs.lock(this.lockOf(tab), () => {
        this.wanted.delete(tab)
        this.note(this.tabs.id, this.mine)
        return Promise.resolve()
      })
    }
    this.note(tab, topics)
    this.say({ type: 'state', state: this.latest })
  }

  private hearState(state: LineState): void {
    this.latest = state
    if (this.mine.length > 0) this.to.state(state)
  }
}
