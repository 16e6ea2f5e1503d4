import type { QueryKey } from '@tanstack/react-query'
import { hashKey, matchQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { notifyError } from '@/ui/toast'

type Guess<Seen, Given> = {
  /** Where it is shown. Every query of this operation and path is written, whatever its filters. */
  queryKey: QueryKey
  mutationFn: (given: Given) => Promise<unknown>
  /** What will be shown once the server has agreed; never changes `seen` itself. */
  expect: (seen: Seen, given: Given) => Seen
  /** What else is read anew after the answer, since the change shows there too. */
  also?: QueryKey[]
  /** Whether a form that shows the error itself asks; its text comes back with the reason, while it is there. */
  inForm?: boolean
  onSuccess?: (given: Given) => void
}

/**
 * A change that shows before the server has answered. An error puts back what was there, and says why; after either
 * answer it is read anew, so that a version that was outdated (412) is replaced by the newest one.
 *
 * Only for what one click does and where a wrong guess harms nobody. Never for deploys, rollbacks, stops, revocations,
 * secrets, keys or access: whoever sees those as done relies on it.
 */
export function useOptimistic<Seen, Given>({ queryKey, mutationFn, expect, also = [], inForm = false, onSuccess }: Guess<Seen, Given>) {
  const queryClient = useQueryClient()
  const mutationKey = ['optimistic', ...queryKey]
  const isFormThere = useRef(inForm)
  useEffect(() => {
    isFormThere.current = inForm
    return () => {
      isFormThere.current = false
    }
  }, [inForm])
  return useMutation({
    mutationKey,
    mutationFn,
    onMutate: async (given: Given) => {
      // An answer that is on its way was true before the click.
      await queryClient.cancelQueries({ queryKey })
      const written = new Map<string, { key: QueryKey; before: Seen; guessed: Seen | undefined }>()
      const guess = (key: QueryKey, before: Seen) => {
        queryClient.setQueryData<Seen>(key, expect(before, given))
        written.set(hashKey(key), { key, before, guessed: queryClient.getQueryData<Seen>(key) })
      }
      for (const [key, before] of queryClient.getQueriesData<Seen>({ queryKey })) if (before !== undefined) guess(key, before)
      // What is read before the answer may be from before the change or after it; either way the change stays in sight.
      const stop = queryClient.getQueryCache().subscribe((event) => {
        if (event.type !== 'updated' || event.action.type !== 'success' || event.action.manual === true) return
        if (matchQuery({ queryKey }, event.query)) guess(event.query.queryKey as QueryKey, event.query.state.data as Seen)
      })
      return { written, stop }
    },
    onError: (error, _, pending) => {
      for (const { key, before, guessed } of pending?.written.values() ?? []) {
        // What was clicked since is newer than what we kept.
        if (queryClient.getQueryData(key) === guessed) queryClient.setQueryData(key, before)
      }
      if (!isFormThere.current) notifyError(error)
    },
    onSuccess: (_, given) => onSuccess?.(given),
    onSettled: (_data, error, _given, pending) => {
      pending?.stop()
      for (const each of also) void queryClient.invalidateQueries({ queryKey: each })
      // The last of several reads, since an earlier one would take back what the later ones guessed.
      const reading = queryClient.isMutating({ mutationKey }) === 1 ? queryClient.invalidateQueries({ queryKey }) : undefined
      // Until a change that was made is read, the version that the next one would name is the old one.
      return error === null ? reading : undefined
    },
  })
}

/** A list as it stands in the cache: read whole, or page by page (`usePages`). */
export type Listed<Item> = { items: Item[] } | { pages: { items: Item[] }[] }

/** The same list with other items. */
export function withItems<Item>(seen: Listed<Item>, change: (items: Item[]) => Item[]): Listed<Item> {
  if ('items' in seen) return { ...seen, items: change(seen.items) }
  return { ...seen, pages: seen.pages.map((page) => ({ ...page, items: change(page.items) })) }
}
