// @vitest-environment jsdom
import { describe, expect, it } from 'vitest'
import { wantedBy } from './command-keys'
import type { Command } from './registry'
import { findCommands, registerCommands } from './registry'

const command = (id: string, label: string, group: Command['group'] = 'pages'): Command => ({ id, label, group, run: () => undefined })

describe('commands', () => {
  it('are found by all words, the beginning first', () => {
    const all = [command('a', 'Open deploys'), command('b', 'Deploy', 'actions'), command('c', 'Nodes')]
    expect(findCommands(all, 'depl').map((each) => each.id)).toEqual(['b', 'a'])
    expect(findCommands(all, 'deploy action').map((each) => each.id)).toEqual(['b'])
    expect(findCommands(all, '')).toHaveLength(3)
  })
  it('of a page go with the page', () => {
    const stop = registerCommands([command('x', 'Save', 'actions')])
    expect(stop).not.toThrow()
  })
})

describe('the keys of every page', () => {
  const press = (init: KeyboardEventInit, target: HTMLElement = document.body) => {
    let wanted: ReturnType<typeof wantedBy> = null
    document.body.append(target)
    target.addEventListener('keydown', (event) => (wanted = wantedBy(event)), { once: true })
    target.dispatchEvent(new KeyboardEvent('keydown', { ...init, bubbles: true }))
    return wanted
  }
  it('open the palette from anywhere, the help only where nobody types', () => {
    const input = document.createElement('input')
    expect(press({ key: 'k', metaKey: true }, input)).toBe('palette')
    expect(press({ key: 'K', ctrlKey: true }, input)).toBe('palette')
    expect(press({ key: 'k' }, input)).toBeNull()
    expect(press({ key: '?' }, input)).toBeNull()
    const button = document.createElement('button')
    expect(press({ key: '?' }, button)).toBe('help')
  })
})
