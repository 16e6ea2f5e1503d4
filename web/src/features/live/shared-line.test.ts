import { describe, expect, it } from 'vitest'
import type { Line, LineEvents, LineState } from './direct-line'
import type { Tabs } from './shared-line'
import { SharedLine } from './shared-line'

/** A browser with tabs that die: locks pass on, channels reach every other tab. */
class Browser {
  private readonly channels: { tab: string; name: string; channel: { onmessage: ((message: { data: unknown }) => void) | null } }[] = []
  private readonly queues = new Map<string, { tab: string; held: () => Promise<void> }[]>()
  readonly streams: { tab: string; topics: string[]; to: LineEvents }[] = []

  tab(id: string): Tabs {
    return {
      id,
      channel: (name) => {
        const channel = {
          onmessage: null,
          postMessage: (data: unknown) => {
            for (const each of this.channels) {
              if (each.name === name && each.tab !== id) each.channel.onmessage?.({ data: structuredClone(data) })
            }
          },
        }
        this.channels.push({ tab: id, name, channel })
        return channel as unknown as BroadcastChannel
      },
      lock: (name, held) => {
        const queue = this.queues.get(name) ?? []
        this.queues.set(name, queue)
        queue.push({ tab: id, held })
        if (queue.length === 1) void held()
      },
      direct: (_, to): Line => {
        const stream = { tab: id, topics: [] as string[], to }
        this.streams.push(stream)
        return { want: (topics) => (stream.topics = topics) }
      },
    }
  }

  die(tab: string): void {
    for (let at = this.channels.length - 1; at >= 0; at -= 1) if (this.channels[at]?.tab === tab) this.channels.splice(at, 1)
    for (const queue of this.queues.values()) {
      const led = queue[0]?.tab === tab
      queue.splice(0, queue.length, ...queue.filter((each) => each.tab !== tab))
      if (led && queue[0] !== undefined) void queue[0].held()
    }
  }
}

function page(browser: Browser, id: string) {
  const seen: string[] = []
  const states: LineState[] = []
  const to: LineEvents = { event: (kind, text) => seen.push(`${kind} ${text}`), state: (state) => states.push(state) }
  return { line: new SharedLine('demo', to, browser.tab(id)), seen, states }
}

describe('the line that tabs share', () => {
  it('opens one stream for what all tabs want, and passes on what arrives', () => {
    const browser = new Browser()
    const one = page(browser, 'one')
    const two = page(browser, 'two')
    one.line.want(['rates:a'])
    two.line.want(['rollout:b'])
    expect(browser.streams).toHaveLength(1)
    expect(browser.streams[0]).toMatchObject({ tab: 'one', topics: ['rates:a', 'rollout:b'] })
    browser.streams[0]?.to.state('open')
    browser.streams[0]?.to.event('rollout', '{"id":"b"}')
    expect([one.states.at(-1), two.states.at(-1)]).toEqual(['open', 'open'])
    expect([one.seen, two.seen]).toEqual([['rollout {"id":"b"}'], ['rollout {"id":"b"}']])
  })
  it('forgets what a closed tab wanted', () => {
    const browser = new Browser()
    const one = page(browser, 'one')
    const two = page(browser, 'two')
    one.line.want(['rates:a'])
    two.line.want(['rollout:b'])
    browser.die('two')
    expect(browser.streams[0]?.topics).toEqual(['rates:a'])
  })
  it('is led by another tab when the leader closes, who asks all the others', () => {
    const browser = new Browser()
    const pages = ['one', 'two', 'three'].map((id) => page(browser, id))
    pages.forEach((each, at) => each.line.want([`rates:${at}`]))
    browser.die('one')
    expect(browser.streams).toHaveLength(2)
    expect(browser.streams[1]?.tab).toBe('two')
    expect(browser.streams[1]?.topics.toSorted()).toEqual(['rates:1', 'rates:2'])
    browser.streams[1]?.to.state('open')
    expect(pages[2]?.states.at(-1)).toBe('open')
  })
  it('tells a tab that comes later how it stands', () => {
    const browser = new Browser()
    page(browser, 'one').line.want(['rates:a'])
    browser.streams[0]?.to.state('open')
    const late = page(browser, 'late')
    late.line.want(['rates:a'])
    expect(late.states.at(-1)).toBe('open')
    late.line.want([])
    expect(late.states.at(-1)).toBe('idle')
  })
})
