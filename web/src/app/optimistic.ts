import type { QueryKey } from '@tanstack/react-query'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { notifyError } from '@/ui/toast'

type Guess<Seen, Given> = {
  /** Where it is shown. Every query of this operation and path is written, whatever its filters. */
  queryKey: QueryKey
  mutationFn: (given: Given) => Promise<unknown>
  /** What will be shown once the server has agreed; never changes `seen` itself. */
  expect: (seen: Seen, given: Given) => Seen
  onSuccess?: () => void
}

/**
 * A change that shows before the server has answered. An error puts back what was there, and says why; after either
 * answer it is read anew, so that a version that was outdated (412) is replaced by the newest one.
 *
 * Only for what one click does and where a wrong guess harms nobody. Never for deploys, rollbacks, stops, revocations,
 * secrets, keys or access: whoever sees those as done relies on it.
 */
export function useOptimistic<Seen, Given>({ queryKey, mutationFn, expect, onSuccess }: Guess<Seen, Given>) {
  const queryClient = useQueryClient()
  const mutationKey = ['optimistic', ...queryKey]
  return useMutation({
    mutationKey,
    mutationFn,
    onMutate: async (given: Given) => {
      // An answer that is on its way was true before the click.
      await queryClient.cancelQueries({ queryKey })
      return queryClient.getQueriesData<Seen>({ queryKey }).flatMap(([key, before]) => {
        if (before === undefined) return []
        queryClient.setQueryData<Seen>(key, expect(before, given))
        return [{ key, before, guessed: queryClient.getQueryData<Seen>(key) }]
      })
    },
    onError: (error, _, written) => {
      for (const { key, before, guessed } of written ?? []) {
        // What was read or clicked since is newer than what we kept.
        if (queryClient.getQueryData(key) === guessed) queryClient.setQueryData(key, before)
      }
      notifyError(error)
    },
    onSuccess,
    onSettled: () => {
      // The last of several reads, since an earlier one would take back what the later ones guessed.
      if (queryClient.isMutating({ mutationKey }) === 1) void queryClient.invalidateQueries({ queryKey })
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
