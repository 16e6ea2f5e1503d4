import { expect, it } from 'vitest'
import { shortened } from './shorten'

const message = (count: number) => `syntax error; expected one of: ${Array.from({ length: count }, (_, index) => `"w${index}"`).join(', ')}`

it('names the first few that a compiler expected, and counts the rest', () => {
  expect(shortened(message(22))).toEqual({ short: 'syntax error; expected one of: "w0", "w1", "w2", "w3"', left: 18 })
})

it('takes commas, brackets and quotes that are words of the list for what they are', () => {
  const list = String.raw`unexpected "x"; expected one of: ",", "\"", "$&", "(", "\n", "{", "a"`
  expect(shortened(list)).toEqual({ short: String.raw`unexpected "x"; expected one of: ",", "\"", "$&", "("`, left: 3 })
})

it('leaves what is short, and other messages, as they are', () => {
  expect(shortened(message(5))).toBeNull()
  expect(shortened('call to undefined function "broken"')).toBeNull()
})
