import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Incident } from '@/api/gen'
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
  return useMemo(() => incidentMarks(items ?? [], kind, id), [items, kind, id])
}

/** The incidents of one pipeline or node, as marks by their rules' names. */
export function incidentMarks(incidents: Incident[], kind: 'pipeline_id' | 'node_id', id: string): Mark[] {
  return incidents.filter((each) => each[kind] === id).map((each) => ({ at: Date.parse(each.opened_at), label: each.rule_name, tone: 'bad' }))
}
