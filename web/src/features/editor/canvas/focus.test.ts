// @vitest-environment jsdom
import { beforeEach, expect, it } from 'vitest'
import { cardOf, focusSoon } from './focus'

const frames = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 20))
const active = () => document.activeElement?.id

function added(tag: string, attributes: Record<string, string>): HTMLElement {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return document.body.appendChild(element)
}

const card = () => added('div', { id: 'card', class: 'react-flow__node', 'data-id': 'a', tabindex: '0' })

beforeEach(() => document.body.replaceChildren())

it('goes to a card once it is drawn and no dialog is open', async () => {
  const dialog = added('div', { role: 'dialog' })
  focusSoon(() => cardOf('a'))
  card()
  await frames(3)
  expect(active()).not.toBe('card')
  dialog.remove()
  await frames(3)
  expect(active()).toBe('card')
})

it('leaves whoever writes by then, and does not come later', async () => {
  const field = added('input', { id: 'field' })
  focusSoon(() => cardOf('a'))
  field.focus()
  card()
  await frames(3)
  expect(active()).toBe('field')
  field.blur()
  await frames(5)
  expect(active()).not.toBe('card')
})
