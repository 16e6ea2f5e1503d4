import type { InfiniteData, QueryKey, UseInfiniteQueryOptions } from '@tanstack/react-query'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'

type Paged<Item> = { items: Item[]; next_cursor: string | null }

type PageOptions<Page> = {
  queryKey: QueryKey
  fetchPage: (cursor: string | undefined, signal: AbortSignal) => Promise<Page>
  refetchInterval?: number | false
  staleTime?: number
}

/** A cursor list, page by page, as one array. */
export function usePages<Item, Page extends Paged<Item> = Paged<Item>>({ queryKey, fetchPage, refetchInterval = false, staleTime }: PageOptions<Page>) {
  const options: UseInfiniteQueryOptions<Page, Error, InfiniteData<Page>, QueryKey, string | undefined> = {
    queryKey,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval,
    ...(staleTime === undefined ? {} : { staleTime }),
  }
  const query = useInfiniteQuery(options)
  const items = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  return { ...query, items }
}

/** The query of a page of a cursor list: the first one without a cursor. */
export function pageAt(cursor: string | undefined, limit = 200): { limit: number; cursor?: string } {
  return cursor === undefined ? { limit } : { limit, cursor }
}

/** Every item of a cursor list, for what must know all names at once. */
export async function everyItem<Item>(fetchPage: (cursor: string | undefined) => Promise<Paged<Item>>): Promise<Item[]> {
  const items: Item[] = []
  let cursor: string | undefined
  do {
    const page = await fetchPage(cursor)
    items.push(...page.items)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  return items
}
