import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { LargeStore } from './tab-storage'
import { TabStorage } from './tab-storage'

/** A session that holds a hundred characters in all. */
class Narrow implements Storage {
  readonly held = new Map<string, string>()
  get length() {
    return this.held.size
  }
  clear = () => this.held.clear()
  key = (index: number) => [...this.held.keys()][index] ?? null
  getItem = (key: string) => this.held.get(key) ?? null
  removeItem = (key: string) => void this.held.delete(key)
  setItem = (key: string, value: string) => {
    const others = [...this.held].filter(([each]) => each !== key).reduce((sum, [, each]) => sum + each.length, 0)
    if (others + value.length > 100) throw new DOMException('full', 'QuotaExceededError')
    this.held.set(key, value)
  }
}

class Wide implements LargeStore {
  readonly held = new Map<string, unknown>()
  isBroken = false
  private in<Found>(act: (held: Map<string, unknown>) => Found): Promise<Found> {
    return this.isBroken ? Promise.reject(new Error('no database')) : Promise.resolve(act(this.held))
  }
  get = (key: string) => this.in((held) => held.get(key))
  set = (key: string, value: unknown) => this.in((held) => void held.set(key, value))
  del = (key: string) => this.in((held) => void held.delete(key))
  entries = () => this.in((held): [unknown, unknown][] => [...held])
}

describe('what a tab keeps', () => {
  let session: Narrow
  let large: Wide
  /** The same tab after a reload. */
  const reloaded = () => new TabStorage(() => session, large)
  const LONG = 'x'.repeat(200)

  beforeEach(() => {
    session = new Narrow()
    large = new Wide()
  })

  it('is forgotten when it was kept before the person left, small or large', async () => {
    await reloaded().save('a', 'short')
    await reloaded().save('b', LONG)
    const left = Date.now()
    expect(await reloaded().load('a', left - 60_000)).toBe('short')
    expect(await reloaded().load('a', left + 1)).toBeNull()
    expect(await reloaded().load('b', left + 1)).toBeNull()
    expect(await reloaded().kept(['a'])).toEqual([])
    await vi.waitFor(() => expect(large.held.size).toBe(0))
    expect(await reloaded().load('a')).toBeNull()
  })

  it('comes back after a reload, small or large', async () => {
    expect(await reloaded().save('a', 'short\ntext')).toBe(true)
    expect(large.held.size).toBe(0)
    expect(await reloaded().load('a')).toBe('short\ntext')
    expect(await reloaded().save('b', LONG)).toBe(true)
    expect(await reloaded().load('b')).toBe(LONG)
    expect(await reloaded().load('c')).toBeNull()
  })
  it('is what was kept last, when it grows and when it shrinks', async () => {
    vi.useFakeTimers()
    const storage = reloaded()
    await storage.save('a', 'short')
    vi.advanceTimersByTime(10)
    await storage.save('a', LONG)
    expect(await reloaded().load('a')).toBe(LONG)
    vi.advanceTimersByTime(10)
    await storage.save('a', 'again')
    expect(await reloaded().load('a')).toBe('again')
    expect(large.held.size).toBe(0)
    vi.useRealTimers()
  })
  it('is gone after a drop, also one that was kept before the reload', async () => {
    await reloaded().save('a', LONG)
    const storage = reloaded()
    await storage.load('a')
    storage.drop('a')
    expect(await reloaded().load('a')).toBeNull()
  })
  it('is no other tab’s', async () => {
    await reloaded().save('a', LONG)
    expect(await new TabStorage(() => new Narrow(), large).load('a')).toBeNull()
  })
  it('is read by a tab that was duplicated, which keeps under a name of its own', async () => {
    const taken = new Set<string>()
    const take = (name: string) => Promise.resolve(!taken.has(name) && taken.add(name).size > 0)
    const first = new TabStorage(() => session, large, take)
    await first.save('a', LONG)
    const copy = new Narrow()
    session.held.forEach((value, key) => copy.setItem(key, value))
    const second = new TabStorage(() => copy, large, take)
    expect(await second.load('a')).toBe(LONG)
    await second.save('a', `${LONG} of the second`)
    expect(await first.load('a')).toBe(LONG)
    expect(await second.load('a')).toBe(`${LONG} of the second`)
    expect(copy.getItem('vf:tab')).not.toBe(session.getItem('vf:tab'))
  })
  it('is counted and forgotten by how it begins, near and far, and nobody else’s', async () => {
    await reloaded().save('vf:draft:me:1', 'short')
    await reloaded().save('vf:draft:me:2', LONG)
    await new TabStorage(() => new Narrow(), large).save('vf:draft:me:3', LONG)
    await reloaded().save('vf:draft:you:1', LONG)
    expect((await reloaded().kept(['vf:draft:me:'])).sort()).toEqual(['vf:draft:me:1', 'vf:draft:me:2', 'vf:draft:me:3'])
    await reloaded().forget(['vf:draft:me:'])
    expect(await reloaded().kept(['vf:draft:me:'])).toEqual([])
    expect(await reloaded().load('vf:draft:you:1')).toBe(LONG)
    large.isBroken = true
    expect(await reloaded().kept(['vf:draft:'])).toEqual([])
  })
  it('is told to be lost where there is no room for it', async () => {
    large.isBroken = true
    const storage = reloaded()
    expect(await storage.save('a', LONG)).toBe(false)
    expect(await storage.load('a')).toBeNull()
    await storage.prune()
    expect(await storage.save('a', 'short')).toBe(true)
  })
  it('goes after a day, when the tab never came back for it', async () => {
    vi.useFakeTimers()
    await reloaded().save('old', LONG)
    vi.advanceTimersByTime(23 * 60 * 60 * 1000)
    await reloaded().save('new', LONG)
    vi.advanceTimersByTime(2 * 60 * 60 * 1000)
    await reloaded().prune()
    expect(await reloaded().load('old')).toBeNull()
    expect(await reloaded().load('new')).toBe(LONG)
    vi.useRealTimers()
  })
})
