import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useMemo } from 'react'
import { checkDocument } from '@/api/gen'
import { useScope } from '@/app/scope'
import { useSettled } from '@/lib/use-settled'
import { CheckContext, useEditorState } from './context'

const PAUSE_MS = 300

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
  })
  const { data, isPlaceholderData, error } = check
  const isStale = isPlaceholderData || current !== document
  const value = useMemo(() => ({ result: data, isStale, error: error }), [data, isStale, error])
  return <CheckContext value={value}>{children}</CheckContext>
}
