import { useMutation, useQueryClient } from '@tanstack/react-query'
import { getNode } from '@/api/gen'
import { getNodeQueryKey, listStatementsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { notify, notifyError } from '@/ui/toast'

type Change = (path: { org: string; env: string; id: string }, etag: string) => Promise<unknown>

/** Changes a node at the version that is current now, then shows it anew. */
export function useNodeChange(nodeId: string, done: string, after?: () => void) {
  const { org, env } = useScope()
  const queryClient = useQueryClient()
  const path = { org, env, id: nodeId }
  return useMutation({
    mutationFn: async (change: Change) => {
      const { data } = await getNode({ path, throwOnError: true })
      await change(path, data.etag)
    },
    onSuccess: () => {
      notify(done)
      after?.()
      void queryClient.invalidateQueries({ queryKey: getNodeQueryKey({ path }) })
      void queryClient.invalidateQueries({ queryKey: listStatementsQueryKey({ path }) })
    },
    onError: notifyError,
  })
}
