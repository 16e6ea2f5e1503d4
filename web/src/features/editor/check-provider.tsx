import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useMemo } from 'react'
import { checkDocument } from '@/api/gen'
import { mayRetry } from '@/app/api'
import { useScope } from '@/app/scope'
import { isUnreachable } from '@/lib/problem'
import { useSettled } from '@/lib/use-settled'
import { CheckContext, useEditorState } from './context'

const PAUSE_MS = 300
const SLOWEST_RETRY_MS = 4000

/** Checks and compiles the draft on the server shortly after each change. */
export function CheckProvider({ pipelineId, children }: { pipelineId: string; children: ReactNode }) {
  const { org, env } = useScope()
  const current = useEditorState((state) => state.draft.document)
  const document = useSettled(current, PAUSE_MS)
  // The layout does not change what runs: dragging a card asks nothing.
  const key = useMemo(() => JSON.stringify({ ...document, layout: {} }), [document])
  const check = useQuery({
    queryKey: ['check', org, env, pipelineId, key],
    queryFn: async ({ signal }) =>
      (await checkDocument({ path: { org, env }, body: { document, pipeline_id: pipelineId }, signal, throwOnError: true })).data,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 30_000,
    // Until the server is there again: the answer then says that it is.
    retry: (failures, failure) => isUnreachable(failure) || mayRetry(failures, failure),
    retryDelay: (failures) => Math.min(500 * 2 ** failures, SLOWEST_RETRY_MS),
  })
  const { data, isPlaceholderData, failureReason: error } = check
  const isStale = isPlaceholderData || current !== document
  const value = useMemo(() => ({ result: data, isStale, error }), [data, isStale, error])
  return <CheckContext value={value}>{children}</CheckContext>
}
