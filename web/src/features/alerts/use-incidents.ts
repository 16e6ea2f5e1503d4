import type { Incident } from '@/api/gen'
import { listIncidents } from '@/api/gen'
import { listIncidentsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { usePages } from '@/lib/use-pages'

export const REFRESH_MS = 5_000

/** The open incidents or, without a state, all of them; newest first, page by page. */
export function useIncidents(state: 'open' | undefined) {
  const path = useScope()
  const query = { limit: 50, ...(state === undefined ? {} : { state }) }
  return usePages<Incident>({
    queryKey: [...listIncidentsQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listIncidents({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
    refetchInterval: REFRESH_MS,
  })
}
