import { expect, it } from 'vitest'
import { heading } from './words'

it.each([
  ['vrl', 'VRL'],
  ['data protection', 'Data protection'],
  ['api key', 'API key'],
  ['default api key', 'Default API key'],
  ['cloud', 'Cloud'],
  ['', ''],
])('writes %s as %s', (words, written) => {
  expect(heading(words)).toBe(written)
})
