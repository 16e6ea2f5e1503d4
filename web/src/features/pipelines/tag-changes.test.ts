import { expect, it } from 'vitest'
import { filed, tagChanges, tagList } from './tag-changes'

it('reads tags between commas, each once', () => {
  expect(tagList(' prod, team a ,,prod')).toEqual(['prod', 'team a'])
  expect(tagList(' ')).toEqual([])
})
it('says what to add and what to remove', () => {
  expect(tagChanges(['a', 'b'], ['b', 'c'])).toEqual({ add: ['c'], remove: ['a'] })
})
it('says how a filing leaves a pipeline', () => {
  const row = { id: '1', folder: 'edge', tags: ['b', 'c'] }
  expect(filed(row, { add_tags: ['a', 'c'], remove_tags: ['b'] })).toEqual({ id: '1', folder: 'edge', tags: ['a', 'c'] })
  expect(filed(row, { folder: ' ' })).toEqual({ ...row, folder: '' })
})
