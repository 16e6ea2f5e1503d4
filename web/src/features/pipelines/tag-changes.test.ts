import { expect, it } from 'vitest'
import { tagChanges, tagList } from './tag-changes'

it('reads tags between commas, each once', () => {
  expect(tagList(' prod, team a ,,prod')).toEqual(['prod', 'team a'])
  expect(tagList(' ')).toEqual([])
})
it('says what to add and what to remove', () => {
  expect(tagChanges(['a', 'b'], ['b', 'c'])).toEqual({ add: ['c'], remove: ['a'] })
})
