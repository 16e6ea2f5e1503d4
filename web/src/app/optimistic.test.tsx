import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, cleanup, renderHook, waitFor } from '@testing-library/react'
import type { ReactNode } from 'react'
import { afterEach, expect, it, vi } from 'vitest'
import type { Listed } from './optimistic'
import { useOptimistic, withItems } from './optimistic'

const notifyError = vi.hoisted(() => vi.fn())
vi.mock('@/ui/toast', () => ({ notifyError }))

type Row = { id: string }
const KEY = [{ _id: 'listRows' }]

afterEach(() => {
  cleanup()
  notifyError.mockClear()
})

/** Two rows in the cache, and a way to remove them whose answers the test gives. */
function setUp() {
  const queries = new QueryClient()
  queries.setQueryData(KEY, { items: [{ id: 'a' }, { id: 'b' }] })
  const reread = vi.spyOn(queries, 'invalidateQueries')
  const answers = new Map<string, { agree: () => void; refuse: () => void }>()
  const wrapper = ({ children }: { children: ReactNode }) => <QueryClientProvider client={queries}>{children}</QueryClientProvider>
  const remover = () =>
    renderHook(
      () =>
        useOptimistic<Listed<Row>, string>({
          queryKey: KEY,
          mutationFn: (id) => new Promise<void>((agree, reject) => answers.set(id, { agree, refuse: () => reject(new Error(`no: ${id}`)) })),
          expect: (seen, id) => withItems(seen, (items) => items.filter((each) => each.id !== id)),
        }),
      { wrapper },
    ).result
  const remove = async (id: string) => {
    const { current } = remover()
    act(() => current.mutate(id))
    await waitFor(() => expect(answers.has(id)).toBe(true))
  }
  return { queries, reread, answers, remove, shown: () => queries.getQueryData<{ items: Row[] }>(KEY)?.items.map((each) => each.id) }
}

it('reads anew only after the last of several answers', async () => {
  const { queries, reread, answers, remove, shown } = setUp()
  await remove('a')
  await remove('b')
  expect(shown()).toEqual([])
  act(() => answers.get('a')?.agree())
  await waitFor(() => expect(queries.isMutating()).toBe(1))
  expect(reread).not.toHaveBeenCalled()
  act(() => answers.get('b')?.agree())
  await waitFor(() => expect(reread).toHaveBeenCalledExactlyOnceWith({ queryKey: KEY }))
})

it('puts back what was there when the server refuses, without reading it', async () => {
  const { reread, answers, remove, shown } = setUp()
  await remove('a')
  expect(shown()).toEqual(['b'])
  act(() => answers.get('a')?.refuse())
  await waitFor(() => expect(reread).toHaveBeenCalled())
  expect(shown()).toEqual(['a', 'b'])
  expect(notifyError).toHaveBeenCalledWith(new Error('no: a'))
})

it('puts nothing old over what was read since the click', async () => {
  const { queries, answers, remove, shown } = setUp()
  await remove('a')
  expect(shown()).toEqual(['b'])
  queries.setQueryData(KEY, { items: [{ id: 'c' }] })
  act(() => answers.get('a')?.refuse())
  await waitFor(() => expect(notifyError).toHaveBeenCalledWith(new Error('no: a')))
  expect(shown()).toEqual(['c'])
})

it('changes the items of a list that was read page by page', () => {
  const seen: Listed<Row> = { pages: [{ items: [{ id: 'a' }] }, { items: [{ id: 'b' }] }] }
  expect(withItems(seen, (items) => items.filter((each) => each.id !== 'b'))).toEqual({ pages: [{ items: [{ id: 'a' }] }, { items: [] }] })
})
