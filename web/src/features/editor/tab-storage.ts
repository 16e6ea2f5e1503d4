import * as idb from 'idb-keyval'

/** How long what is too large for the session is kept, in milliseconds. A tab that is closed leaves it behind. */
const KEPT_MS = 24 * 60 * 60 * 1000

/** A store without the narrow bound of a session's, such as the browser's database. */
export type LargeStore = {
  get: (key: string) => Promise<unknown>
  set: (key: string, value: unknown) => Promise<void>
  del: (key: string) => Promise<void>
  entries: () => Promise<[unknown, unknown][]>
}

type Entry = { at: number; text: string }

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && 'at' in value && typeof value.at === 'number' && 'text' in value && typeof value.text === 'string'
}

function entryOf(stored: string | null): Entry | null {
  const end = stored?.indexOf('\n') ?? -1
  return stored === null || end < 1 ? null : { at: Number(stored.slice(0, end)), text: stored.slice(end + 1) }
}

/**
 * Texts that this tab keeps over a reload: in its session, which is written at once but holds about five megabytes,
 * and beyond that in the browser's database, under a name that only this tab knows. A tab that was duplicated begins with
 * the session of the other, its name too: it reads what that one kept, and keeps under a name of its own.
 */
export class TabStorage {
  private last = 0
  /** The keys that the database may have. */
  private readonly far = new Set<string>()

  constructor(
    private readonly session: () => Storage,
    private readonly large: LargeStore,
    /** Takes a name for as long as this page lives; false where another tab has it. */
    private readonly take: (name: string) => Promise<boolean> = () => Promise.resolve(true),
  ) {}

  /** How many things that begin so are kept: by this tab, and by all in the database. */
  async kept(beginnings: string[]): Promise<string[]> {
    const { near, far } = await this.keys(beginnings)
    return [...new Set([...near, ...far.map(ownKey)])]
  }

  /** Forgets what begins so, of this tab and of all in the database. */
  async forget(beginnings: string[]): Promise<void> {
    const { near, far } = await this.keys(beginnings)
    near.forEach((key) => this.dropNear(key))
    await Promise.all(far.map((key) => this.large.del(key)))
  }

  /** Keeps a text; answers whether it is kept. */
  async save(key: string, text: string): Promise<boolean> {
    const at = Math.max(Date.now(), this.last + 1)
    this.last = at
    if (this.saveNear(key, `${at}\n${text}`)) {
      this.dropFar(key)
      return true
    }
    this.far.add(key)
    try {
      await this.large.set(farKey((await this.names()).own, key), { at, text } satisfies Entry)
      // Only now, so that there is always one of them, and only what is older.
      if ((this.loadNear(key)?.at ?? at) < at) this.dropNear(key)
      return true
    } catch {
      return false
    }
  }

  drop(key: string): void {
    this.dropNear(key)
    this.dropFar(key)
  }

  /** What was kept last, or null; what was kept until `left` (epoch milliseconds) is forgotten. */
  async load(key: string, left = 0): Promise<string | null> {
    const near = this.loadNear(key)
    let far: Entry | null = null
    try {
      const { own, before } = await this.names()
      const value = (await this.large.get(farKey(own, key))) ?? (await this.large.get(farKey(before, key)))
      far = isEntry(value) ? value : null
    } catch {
      // No database, as in some private windows.
    }
    if (far !== null) this.far.add(key)
    const found = near !== null && near.at >= (far?.at ?? 0) ? near : far
    if (found === null || found.at > left) return found?.text ?? null
    this.drop(key)
    return null
  }

  /** Forgets what tabs that are gone left in the database. */
  async prune(): Promise<void> {
    try {
      for (const [key, value] of await this.large.entries()) {
        if (typeof key === 'string' && !(isEntry(value) && value.at > Date.now() - KEPT_MS)) await this.large.del(key)
      }
    } catch {
      // No database: nothing was left.
    }
  }

  private asked: Promise<{ own: string; before: string }> | null = null

  /** The name of this tab, and the one that it found in its session. */
  private names(): Promise<{ own: string; before: string }> {
    return (this.asked ??= this.settle())
  }

  private async settle(): Promise<{ own: string; before: string }> {
    let before: string = crypto.randomUUID()
    try {
      before = this.session().getItem('vf:tab') ?? before
    } catch {
      // Switched off: the name lasts as long as the page.
    }
    let own = before
    if (!(await this.take(before))) {
      own = crypto.randomUUID()
      await this.take(own)
    }
    try {
      this.session().setItem('vf:tab', own)
    } catch {
      // The same.
    }
    return { own, before }
  }

  private async keys(beginnings: string[]): Promise<{ near: string[]; far: string[] }> {
    const isMeant = (key: string) => beginnings.some((each) => key.startsWith(each))
    let near: string[] = []
    let far: string[] = []
    try {
      const session = this.session()
      near = Array.from({ length: session.length }, (_, index) => session.key(index) ?? '').filter(isMeant)
      far = (await this.large.entries()).flatMap(([key]) => (typeof key === 'string' && isMeant(ownKey(key)) ? [key] : []))
    } catch {
      // What cannot be read holds nothing.
    }
    return { near, far }
  }

  private saveNear(key: string, stored: string): boolean {
    try {
      this.session().setItem(key, stored)
      return true
    } catch {
      // Full, or switched off.
      return false
    }
  }

  private loadNear(key: string): Entry | null {
    try {
      return entryOf(this.session().getItem(key))
    } catch {
      return null
    }
  }

  private dropNear(key: string): void {
    try {
      this.session().removeItem(key)
    } catch {
      // Nothing was kept where storage is switched off.
    }
  }

  private dropFar(key: string): void {
    if (!this.far.delete(key)) return
    // What stays is older than anything kept later, and goes after a day.
    this.names()
      .then(({ own }) => this.large.del(farKey(own, key)))
      .catch(() => undefined)
  }
}

const farKey = (tab: string, key: string) => `${tab}:${key}`
const ownKey = (far: string) => far.slice(far.indexOf(':') + 1)

/** Holds a name until this page is gone. Where the browser cannot tell, nobody else has it. */
async function hold(name: string): Promise<boolean> {
  if (!('locks' in navigator)) return true
  return new Promise((resolve) => {
    const held = navigator.locks.request(`vf:tab:${name}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null)
      return lock === null ? undefined : new Promise<void>(() => undefined)
    })
    held.catch(() => resolve(true))
  })
}

/** The storage of this tab. */
export function tabStorage(): TabStorage {
  let store: idb.UseStore | undefined
  const opened = () => (store ??= idb.createStore('vectorflow', 'unsaved'))
  return new TabStorage(() => sessionStorage, {
    get: async (key) => idb.get<unknown>(key, opened()),
    set: async (key, value) => idb.set(key, value, opened()),
    del: async (key) => idb.del(key, opened()),
    entries: async () => idb.entries(opened()),
  }, hold)
}
