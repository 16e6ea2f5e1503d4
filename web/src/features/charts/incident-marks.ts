import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { listIncidentsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import type { Mark } from './series'

/** When incidents of a pipeline or a node were opened, of the newest of the environment. */
export function useIncidentMarks(of: { pipelineId: string } | { nodeId: string }): Mark[] {
  const { org, env } = useScope()
  const can = useCan()
  const query = useQuery({ ...listIncidentsOptions({ path: { org, env }, query: { limit: 100 } }), enabled: can('alert.read'), refetchInterval: 30_000 })
  const items = query.data?.items
  const [kind, id] = 'pipelineId' in of ? (['pipeline_id', of.pipelineId] as const) : (['node_id', of.nodeId] as const)
  return useMemo(() => (items ?? []).filter((each) => each[kind] === id).map((each) => ({ at: Date.parse(each.opened_at), label: each.rule_name, tone: 'bad' as const })), [items, kind, id])
}
