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
const ALSO = [{ _id: 'countRows' }]

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
  const remover = (inForm = false) =>
    renderHook(
      () =>
        useOptimistic<Listed<Row>, string>({
          queryKey: KEY,
          also: [ALSO],
          inForm,
          mutationFn: (id) => new Promise<void>((agree, reject) => answers.set(id, { agree, refuse: () => reject(new Error(`no: ${id}`)) })),
          expect: (seen, id) => withItems(seen, (items) => items.filter((each) => each.id !== id)),
        }),
      { wrapper },
    )
  const remove = async (id: string, inForm = false) => {
    const { result, unmount } = remover(inForm)
    act(() => result.current.mutate(id))
    await waitFor(() => expect(answers.has(id)).toBe(true))
    return unmount
  }
  /** What the stream, or a reading that is due, makes of the list. */
  const read = (...ids: string[]) => queries.fetchQuery({ queryKey: KEY, queryFn: () => ({ items: ids.map((id) => ({ id })) }) })
  return { queries, reread, answers, remove, read, shown: () => queries.getQueryData<{ items: Row[] }>(KEY)?.items.map((each) => each.id) }
}

it('reads anew only after the last of several answers', async () => {
  const { queries, reread, answers, remove, shown } = setUp()
  await remove('a')
  await remove('b')
  expect(shown()).toEqual([])
  act(() => answers.get('a')?.agree())
  await waitFor(() => expect(queries.isMutating()).toBe(1))
  expect(reread).not.toHaveBeenCalledWith({ queryKey: KEY })
  act(() => answers.get('b')?.agree())
  await waitFor(() => expect(reread).toHaveBeenCalledWith({ queryKey: KEY }))
  expect(reread.mock.calls.filter(([each]) => each?.queryKey === KEY)).toHaveLength(1)
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

it('keeps the change in sight while what is read is from before it, and when the stream is quicker than the answer', async () => {
  const { queries, answers, remove, read, shown } = setUp()
  await remove('a')
  const seen: unknown[] = []
  const stop = queries.getQueryCache().subscribe(() => void seen.push(shown()))
  await read('a', 'b', 'c')
  expect(shown()).toEqual(['b', 'c'])
  await read('b', 'c')
  expect(shown()).toEqual(['b', 'c'])
  stop()
  act(() => answers.get('a')?.agree())
  await waitFor(() => expect(queries.isMutating()).toBe(0))
  expect(shown()).toEqual(['b', 'c'])
  expect(seen.filter((each) => Array.isArray(each) && each.includes('a'))).toEqual([])
})

it('puts back what was read last, not what stood there at the click', async () => {
  const { queries, answers, remove, read, shown } = setUp()
  await remove('a')
  await read('a', 'c')
  expect(shown()).toEqual(['c'])
  act(() => answers.get('a')?.refuse())
  await waitFor(() => expect(queries.isMutating()).toBe(0))
  expect(shown()).toEqual(['a', 'c'])
})

it('reads also what else the change shows in', async () => {
  const { reread, answers, remove } = setUp()
  await remove('a')
  act(() => answers.get('a')?.agree())
  await waitFor(() => expect(reread).toHaveBeenCalledWith({ queryKey: ALSO }))
})

it('leaves the error to the form that shows it, and tells it where the form is gone', async () => {
  const { queries, answers, remove } = setUp()
  await remove('a', true)
  act(() => answers.get('a')?.refuse())
  await waitFor(() => expect(queries.isMutating()).toBe(0))
  expect(notifyError).not.toHaveBeenCalled()
  const leave = await remove('b', true)
  leave()
  act(() => answers.get('b')?.refuse())
  await waitFor(() => expect(notifyError).toHaveBeenCalledWith(new Error('no: b')))
})

it('changes the items of a list that was read page by page', () => {
  const seen: Listed<Row> = { pages: [{ items: [{ id: 'a' }] }, { items: [{ id: 'b' }] }] }
  expect(withItems(seen, (items) => items.filter((each) => each.id !== 'b'))).toEqual({ pages: [{ items: [{ id: 'a' }] }, { items: [] }] })
})
