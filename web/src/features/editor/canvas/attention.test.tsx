import { afterEach, expect, it, vi } from 'vitest'
import { Attention } from './attention'

afterEach(() => document.body.replaceChildren())

function canvas() {
  const made = (tag: string, into: Element, set: Record<string, string>) => {
    const element = into.appendChild(document.createElement(tag))
    for (const [name, value] of Object.entries(set)) element.setAttribute(name, value)
    return element
  }
  const root = made('div', document.body, { id: 'root' })
  const card = made('div', root, { class: 'react-flow__node', 'data-id': 'a', tabindex: '0' })
  made('button', card, { id: 'in-a' })
  made('div', root, { class: 'react-flow__node', 'data-id': 'b', tabindex: '0' })
  made('div', root, { class: 'react-flow__edge', 'data-id': 'a-b' })
  const find = (selector: string) => document.querySelector<HTMLElement>(selector) ?? document.body
  const changed = vi.fn()
  const attention = new Attention(find('#root'), changed)
  const over = (selector: string) => find(selector).dispatchEvent(new Event('pointerover', { bubbles: true }))
  return { find, changed, attention, over, ids: () => attention.cards().map((each) => each.dataset.id) }
}

it('knows the card under a resting pointer while the focus goes on to another', () => {
  const { find, ids, over, changed } = canvas()
  over('#in-a')
  find('[data-id=b]').focus()
  expect(ids()).toEqual(['a', 'b'])
  expect(changed).toHaveBeenCalledTimes(2)
  find('[data-id=a]').focus()
  expect(ids()).toEqual(['a'])
})

it('knows an edge by either, and forgets what was left', () => {
  const { find, attention, over, ids } = canvas()
  over('[data-id=a-b]')
  find('[data-id=b]').focus()
  expect(attention.has('a-b')).toBe(true)
  find('#root').dispatchEvent(new Event('pointerleave'))
  find('[data-id=b]').blur()
  expect(attention.has('a-b')).toBe(false)
  expect(ids()).toEqual([])
})

it('tells nobody any more once it has stopped', () => {
  const { attention, changed, over } = canvas()
  attention.stop()
  over('#in-a')
  expect(changed).not.toHaveBeenCalled()
})
