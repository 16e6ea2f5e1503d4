import { useQuery } from '@tanstack/react-query'
import { listSecrets } from '@/api/gen'
import { listSecretsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import type { Scope } from '@/app/scope'
import { everyItem, pageAt } from '@/lib/use-pages'

const NONE: string[] = []

/** The names of all secrets of an environment; none while they are not known or may not be read. */
export function useSecretNames(path: Scope, enabled: boolean): string[] {
  const secrets = useQuery({
    queryKey: [...listSecretsQueryKey({ path }), 'names'],
    enabled,
    queryFn: async ({ signal }) => {
      const items = await everyItem(async (cursor) => (await listSecrets({ path, query: pageAt(cursor), signal, throwOnError: true })).data)
      return items.map((each) => each.name)
    },
  })
  return secrets.data ?? NONE
}
