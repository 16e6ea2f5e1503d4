import { useQueryClient } from '@tanstack/react-query'
import { listPipelineFoldersQueryKey, listPipelinesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'

/** Reads the list of pipelines, its folders and tags again, wherever they are shown. */
export function useRefresh(): () => void {
  const { org, env } = useScope()
  const queryClient = useQueryClient()
  const path = { org, env }
  return () => {
    for (const key of [listPipelinesQueryKey({ path }), listPipelineFoldersQueryKey({ path })]) {
      void queryClient.invalidateQueries({ queryKey: key.slice(0, 1), refetchType: 'active' })
    }
  }
}
