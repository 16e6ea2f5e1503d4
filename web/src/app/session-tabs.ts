/** What tabs of one browser tell each other about the session that they share. */
type Word =
  | { type: 'who-holds'; ask: string; account: string }
  | { type: 'holds'; ask: string; tab: string; pipelines: string[] }
  | { type: 'signed-out'; account: string }

/** What a tab needs of the browser, so that a test can give it. */
export interface SessionBrowser {
  id: string
  channel(name: string): BroadcastChannel
  /** Says until this page is gone that the tab is there. */
  appear(tab: string): void
  /** The tabs that are there, or null where the browser cannot tell. */
  present(): Promise<string[] | null>
}

/** What the tab does when another asks. */
export interface SessionTab {
  /** The pipelines with work of an account that is not saved and lies in this tab. */
  unsaved(account: string): Promise<string[]>
  /** Somebody signed out in another tab. */
  leave(account: string): void
}

/** How long a tab may take to answer, in milliseconds. One that the browser has frozen never does. */
const PATIENCE_MS = 1000
/** How long is waited where the browser cannot tell who is there. */
const UNKNOWN_MS = 300
const NAME = 'vf:session'

/**
 * The tabs of a browser have one session and each its own storage. Before somebody signs out the others are asked what
 * they hold; afterwards they are told, and leave too. It is no part of the stream, of which there is one for each
 * organisation: a session is of a person.
 */
export class SessionTabs {
  private readonly channel: BroadcastChannel
  private readonly answers = new Map<string, (tab: string, pipelines: string[]) => void>()

  constructor(
    private readonly browser: SessionBrowser,
    private readonly tab: SessionTab,
  ) {
    this.channel = browser.channel(NAME)
    this.channel.onmessage = (message: MessageEvent<Word>) => void this.hear(message.data)
    browser.appear(browser.id)
  }

  /** The pipelines that other tabs hold work on, and how many tabs gave no answer. */
  async unsavedElsewhere(account: string): Promise<{ pipelines: string[]; silent: number }> {
    const present = await this.browser.present()
    const awaited = new Set(present?.filter((each) => each !== this.browser.id))
    if (present !== null && awaited.size === 0) return { pipelines: [], silent: 0 }
    const ask = crypto.randomUUID()
    const pipelines = new Set<string>()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, present === null ? UNKNOWN_MS : PATIENCE_MS)
      this.answers.set(ask, (tab, held) => {
        held.forEach((each) => pipelines.add(each))
        awaited.delete(tab)
        if (present === null || awaited.size > 0) return
        clearTimeout(timer)
        resolve()
      })
      this.say({ type: 'who-holds', ask, account })
    })
    this.answers.delete(ask)
    return { pipelines: [...pipelines], silent: awaited.size }
  }

  /** Has the other tabs forget what they hold, and leave. */
  tellSignedOut(account: string): void {
    this.say({ type: 'signed-out', account })
  }

  private say(word: Word): void {
    this.channel.postMessage(word)
  }

  private async hear(word: Word): Promise<void> {
    if (word.type === 'holds') this.answers.get(word.ask)?.(word.tab, word.pipelines)
    else if (word.type === 'signed-out') this.tab.leave(word.account)
    else this.say({ type: 'holds', ask: word.ask, tab: this.browser.id, pipelines: await this.tab.unsaved(word.account).catch(() => []) })
  }
}

/** This browser, or null where its tabs cannot talk to each other. */
export function sessionBrowser(): SessionBrowser | null {
  if (typeof BroadcastChannel === 'undefined') return null
  const canLock = 'locks' in navigator
  const lockOf = (tab: string) => `${NAME}:${tab}`
  return {
    id: crypto.randomUUID(),
    channel: (name) => new BroadcastChannel(name),
    appear: (tab) => {
      // A lock that is refused (the page is being left) is no error of the page.
      if (canLock) navigator.locks.request(lockOf(tab), () => new Promise<void>(() => undefined)).catch(() => undefined)
    },
    present: async () => {
      if (!canLock) return null
      const { held = [] } = await navigator.locks.query()
      return held.flatMap(({ name = '' }) => (name.startsWith(`${NAME}:`) ? [name.slice(NAME.length + 1)] : []))
    },
  }
}
