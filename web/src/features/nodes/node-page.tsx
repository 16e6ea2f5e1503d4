import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { NodeDetail } from '@/api/gen'
import { getNodeOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { NodeLogs } from '@/features/logs/node-logs'
import { formatBytes, formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Facts, Page, Section } from '@/ui/page'
import { ErrorState, LoadingState } from '@/ui/states'
import { Assignments } from './assignments'
import { Decisions } from './decisions'
import { NodeActions } from './node-actions'
import { NodeLabels } from './node-labels'
import { FoundVectors } from './found'
import { MachineCharts } from './machine-charts'
import { LastSeen, NodeStatus, engineLabel, reasonLabel } from './node-status'
import { Orders } from './orders'
import { Reports } from './reports'

const REFRESH_MS = 5000

/** One node: its state and why, what it should run and what it does run, its own reports, its machine. */
export function NodePage() {
  const { org, env } = useScope()
  const { nodeId } = useParams({ from: '/signed-in/$org/$env/nodes/$nodeId' })
  const can = useCan()
  const path = { org, env, id: nodeId }
  const query = useQuery({ ...getNodeOptions({ path }), refetchInterval: REFRESH_MS })
  const node = query.data
  if (node === undefined) {
    return (
      <Page title={t('Node')}>
        {query.error !== null ? <ErrorState error={query.error} onRetry={() => void query.refetch()} /> : <LoadingState />}
      </Page>
    )
  }
  return (
    <Page
      title={node.name}
      subtitle={
        <span className="flex flex-wrap items-center gap-3">
          <NodeStatus status={node.status} />
          <LastSeen at={node.last_seen_at} />
        </span>
      }
      actions={<NodeActions node={node} />}
    >
      {node.reasons.length > 0 && (
        <ul className="mb-4 rounded-md bg-warn-tint px-3 py-2 text-warn">
          {node.reasons.map((reason) => (
            <li key={reason}>{reasonLabel(reason)}</li>
          ))}
        </ul>
      )}
      <Decisions node={node} />
      <div className="grid gap-x-10 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="min-w-0">
          <Section title={t('Pipelines')}>
            <Assignments assignments={node.assignments} nodeId={node.id} />
          </Section>
          {can('telemetry.read') && <MachineCharts node={node} />}
          <FoundVectors nodeId={node.id} />
          <Section title={t('Orders')}>
            <Orders nodeId={node.id} />
          </Section>
          {can('log.read') && (
            <Section title={t('Logs')}>
              <NodeLogs nodeId={node.id} />
            </Section>
          )}
          <Section title={t('Reports')}>
            <Reports reports={node.reports} assignments={node.assignments} />
          </Section>
        </div>
        <aside>
          <Section title={t('Machine')}>
            <MachineFacts node={node} />
          </Section>
          <Section title={t('Labels')}>
            <NodeLabels node={node} />
          </Section>
          {node.groups.length > 0 && (
            <Section title={t('Groups')}>
              <ul>
                {node.groups.map((group) => (
                  <li key={group.id}>
                    <Link to="/$org/$env/nodes" params={{ org, env }} search={{ group: group.id }} className="hover:underline">
                      {group.name}
                    </Link>
                  </li>
                ))}
              </ul>
            </Section>
          )}
          {Object.keys(node.facts).length > 0 && (
            <Section title={t('Reported facts')}>
              <Facts items={Object.entries(node.facts).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])} />
            </Section>
          )}
        </aside>
      </div>
    </Page>
  )
}

function MachineFacts({ node }: { node: NodeDetail }) {
  const { host, rates } = node
  const items: [string, string][] = [
    [t('Host name'), node.hostname],
    [t('Platform'), node.platform ?? '–'],
    [t('Engine'), engineLabel(node.engine)],
    [t('Agent'), node.agent_version ?? '–'],
  ]
  if (rates !== null) {
    items.push([t('Received'), `${formatRate(rates.received)}/s`], [t('Sent'), `${formatRate(rates.sent)}/s`], [t('Errors'), `${formatRate(rates.errors)}/s`])
  }
  if (host !== null) {
    const { cpu_percent: cpu, memory_used_bytes: used, memory_total_bytes: total, disk_free_bytes: free, load1 } = host
    if (cpu != null) items.push([t('Processor'), `${cpu.toFixed(0)} %`])
    if (used != null && total != null) items.push([t('Memory'), t('{used} of {total}', { used: formatBytes(used), total: formatBytes(total) })])
    if (free != null) items.push([t('Disk free'), formatBytes(free)])
    if (load1 != null) items.push([t('Load'), load1.toFixed(2)])
  }
  return <Facts items={items} />
}
