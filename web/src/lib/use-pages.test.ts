import { expect, test, vi } from 'vitest'
import { everyItem, pageAt } from './use-pages'

test('every item of a list comes, page after page', async () => {
  const pages = new Map<string | undefined, { items: number[]; next_cursor: string | null }>([
    [undefined, { items: [1, 2], next_cursor: 'b' }],
    ['b', { items: [3], next_cursor: 'c' }],
    ['c', { items: [], next_cursor: null }],
  ])
  const asked = vi.fn((cursor: string | undefined) => Promise.resolve(pages.get(cursor)!))
  expect(await everyItem(asked)).toEqual([1, 2, 3])
  expect(asked.mock.calls.map(([cursor]) => cursor)).toEqual([undefined, 'b', 'c'])
})

test('the first page is asked for without a cursor', () => {
  expect(pageAt(undefined)).toEqual({ limit: 200 })
  expect(pageAt('b', 50)).toEqual({ limit: 50, cursor: 'b' })
})
