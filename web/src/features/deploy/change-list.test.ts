import { expect, it } from 'vitest'
import { lineChanges } from './change-list'

it('finds the lines of a program that differ', () => {
  expect(lineChanges('.a = 1\n.b = 2\n', '.a = 1\n.b = 3\n.c = 4\n')).toEqual({ removed: ['.b = 2'], added: ['.b = 3', '.c = 4'] })
})

it.each([
  ['one', 'another'],
  ['one\n', 'another\n'],
  [1, 2],
  ['a\nb', 'b\na'],
  [null, 'a\nb'],
])('leaves %j and %j whole', (before, after) => {
  expect(lineChanges(before, after)).toBeNull()
})
