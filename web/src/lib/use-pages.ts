import type { InfiniteData, QueryKey, UseInfiniteQueryOptions } from '@tanstack/react-query'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'

type Paged<Item> = { items: Item[]; next_cursor: string | null }

type PageOptions<Item> = {
  queryKey: QueryKey
  fetchPage: (cursor: string | undefined, signal: AbortSignal) => Promise<Paged<Item>>
  refetchInterval?: number | false
}

/** A cursor list, page by page, as one array. */
export function usePages<Item>({ queryKey, fetchPage, refetchInterval = false }: PageOptions<Item>) {
  const options: UseInfiniteQueryOptions<Paged<Item>, Error, InfiniteData<Paged<Item>>, QueryKey, string | undefined> = {
    queryKey,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval,
  }
  const query = useInfiniteQuery(options)
  const items = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  return { ...query, items }
}
