import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Incident } from '@/api/gen'
import { acknowledgeIncident, getIncident } from '@/api/gen'
import { getSessionOptions, listIncidentsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import type { Listed } from '@/app/optimistic'
import { useOptimistic, withItems } from '@/app/optimistic'
import { useCan, useScope } from '@/app/scope'
import { formatAge, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { ApiError } from '@/lib/problem'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { MoreButton } from '@/ui/more-button'
import { EmptyState, ErrorState, InlineError } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import type { useIncidents } from './use-incidents'
import { REFRESH_MS } from './use-incidents'

type IncidentsProps = { list: ReturnType<typeof useIncidents>; state: 'open' | undefined; chosen: string | undefined; hasRules: boolean }

/** What alert rules found, newest first. */
export function Incidents({ list, state, chosen, hasRules }: IncidentsProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const now = useNow(10_000)
  const self = useQuery(getSessionOptions()).data?.account.name ?? ''
  // One that a link names is shown first where it stands on a later page, or is over.
  const isLater = chosen !== undefined && list.isSuccess && list.items.every((each) => each.id !== chosen)
  const linked = useQuery({
    queryKey: [...listIncidentsQueryKey({ path }), 'linked', chosen],
    queryFn: async () => ({ items: [(await getIncident({ path: { ...path, id: chosen ?? '' }, throwOnError: true })).data] }),
    enabled: isLater,
    refetchInterval: (query) => (query.state.status === 'error' ? false : REFRESH_MS),
  })
  const rows = isLater ? [...(linked.data?.items ?? []), ...list.items] : list.items
  const acknowledge = useOptimistic({
    queryKey: listIncidentsQueryKey({ path }),
    mutationFn: (id: string) => acknowledgeIncident({ path: { ...path, id }, throwOnError: true }),
    expect: (seen: Listed<Incident>, id) => {
      const taken = { acknowledged_at: new Date().toISOString(), acknowledged_by: self }
      return withItems(seen, (items) => items.map((each) => (each.id === id ? { ...each, ...taken } : each)))
    },
  })
  const columns: Column<Incident>[] = [
    { key: 'state', title: t('State'), render: (row) => <IncidentState incident={row} /> },
    {
      key: 'what',
      title: t('What'),
      render: (row) => (
        <span className={`block py-1.5 [overflow-wrap:anywhere] ${row.id === chosen ? 'font-medium' : ''}`} aria-current={row.id === chosen ? 'true' : undefined}>
          {row.summary} <Where incident={row} />
        </span>
      ),
    },
    { key: 'rule', title: t('Rule'), wideOnly: true, render: (row) => <span className="text-secondary">{row.rule_name}</span> },
    {
      key: 'since',
      title: t('Since'),
      wideOnly: true,
      render: (row) => (
        <span className="whitespace-nowrap text-secondary" title={formatTime(row.opened_at)}>
          {formatAge(row.opened_at, now)}
        </span>
      ),
    },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        row.acknowledged_at !== null ? (
          <span className="text-sm text-secondary">{t('{name} looks after it', { name: row.acknowledged_by })}</span>
        ) : (
          row.state === 'open' &&
          can('alert.manage') && (
            <Button isDisabled={acknowledge.isPending} onPress={() => acknowledge.mutate(row.id)}>
              {t('I look after it')}
            </Button>
          )
        ),
    },
  ]
  if (list.error !== null && rows.length === 0) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />
  return (
    <>
      {isLater && linked.error !== null && <LostIncident error={linked.error} />}
      {rows.length > 0 ? (
        <Table label={t('Incidents')} columns={columns} rows={rows} rowKey={(row) => row.id} />
      ) : (
        <EmptyState title={state === 'open' ? t('No open incident') : t('No incident yet')}>
          {hasRules ? t('None of the rules below is broken.') : t('There is no rule yet, so nothing is watched.')}
        </EmptyState>
      )}
      <MoreButton list={list} />
    </>
  )
}

/** Of an incident that a link names and that cannot be shown. */
function LostIncident({ error }: { error: Error }) {
  if (!(error instanceof ApiError) || error.status !== 404) return <InlineError error={error} />
  return (
    <p role="status" className="mb-2 rounded-md bg-warn-tint px-3 py-2 text-warn">
      {t('The incident that the link names is not there any more: it went with its rule.')}
    </p>
  )
}

function IncidentState({ incident }: { incident: Incident }) {
  if (incident.state === 'resolved') return <StateBadge tone="good" label={t('over')} />
  return incident.acknowledged_at === null ? <StateBadge tone="bad" label={t('open')} /> : <StateBadge tone="warn" label={t('taken')} />
}

function Where({ incident }: { incident: Incident }) {
  const scope = useScope()
  return (
    <span className="inline-flex gap-3 text-sm font-normal">
      {incident.node_id !== null && (
        <Link to="/$org/$env/nodes/$nodeId" params={{ ...scope, nodeId: incident.node_id }} className="text-focus hover:underline">
          {t('Node')}
        </Link>
      )}
      {incident.pipeline_id !== null && (
        <Link to="/$org/$env/pipelines/$pipelineId" params={{ ...scope, pipelineId: incident.pipeline_id }} className="text-focus hover:underline">
          {t('Pipeline')}
        </Link>
      )}
    </span>
  )
}
