import { afterEach, expect, it, vi } from 'vitest'
import type { SessionBrowser } from './session-tabs'
import { SessionTabs } from './session-tabs'

/** Tabs of one browser over real channels, each with what it holds. */
class Browser {
  readonly there: string[] = []
  private readonly channels: BroadcastChannel[] = []
  canTell = true

  open(id: string, held: Record<string, string[]> = {}) {
    const browser: SessionBrowser = {
      id,
      channel: (name) => {
        const made = new BroadcastChannel(name)
        this.channels.push(made)
        return made
      },
      appear: (tab) => this.there.push(tab),
      present: () => Promise.resolve(this.canTell ? [...this.there] : null),
    }
    const leave = vi.fn((account: string) => void delete held[account])
    const tabs = new SessionTabs(browser, { unsaved: (account) => Promise.resolve(held[account] ?? []), leave })
    return { tabs, held, leave }
  }

  close(): void {
    this.channels.forEach((each) => each.close())
  }
}

let browser = new Browser()
afterEach(() => {
  browser.close()
  browser = new Browser()
})

it('asks the other tabs what they hold of the account, each pipeline once', async () => {
  const { tabs } = browser.open('one', { ann: ['mine'] })
  browser.open('two', { ann: ['a', 'b'], bob: ['c'] })
  browser.open('three', { ann: ['b'] })
  const found = await tabs.unsavedElsewhere('ann')
  expect({ ...found, pipelines: found.pipelines.toSorted() }).toEqual({ pipelines: ['a', 'b'], silent: 0 })
})

it('waits for nobody where there is no other tab', async () => {
  const { tabs } = browser.open('one', { ann: ['mine'] })
  const post = vi.spyOn(BroadcastChannel.prototype, 'postMessage')
  expect(await tabs.unsavedElsewhere('ann')).toEqual({ pipelines: [], silent: 0 })
  expect(post).not.toHaveBeenCalled()
  post.mockRestore()
})

it('tells how many tabs gave no answer', async () => {
  const { tabs } = browser.open('one')
  browser.open('two', { ann: ['a'] })
  browser.there.push('frozen')
  expect(await tabs.unsavedElsewhere('ann')).toEqual({ pipelines: ['a'], silent: 1 })
})

it('hears the others also where the browser cannot tell which tabs there are', async () => {
  browser.canTell = false
  const { tabs } = browser.open('one')
  browser.open('two', { ann: ['a'] })
  expect(await tabs.unsavedElsewhere('ann')).toEqual({ pipelines: ['a'], silent: 0 })
})

it('has every other tab leave when one is signed out, but not itself', async () => {
  const one = browser.open('one', { ann: ['a'] })
  const two = browser.open('two', { ann: ['b'] })
  const three = browser.open('three')
  one.tabs.tellSignedOut('ann')
  await vi.waitFor(() => {
    expect(two.leave).toHaveBeenCalledExactlyOnceWith('ann')
    expect(three.leave).toHaveBeenCalledExactlyOnceWith('ann')
  })
  expect(two.held).toEqual({})
  expect(one.leave).not.toHaveBeenCalled()
  expect(one.held).toEqual({ ann: ['a'] })
})
