import { expect, it } from 'vitest'
import { copyName } from './copy-name'

it('finds a free name that is not too long', () => {
  expect(copyName('Logs', [])).toBe('Logs (copy)')
  expect(copyName('Logs', ['logs (COPY)', 'Logs (copy 2)'])).toBe('Logs (copy 3)')
  expect(copyName('x'.repeat(100), []).length).toBe(100)
})
