import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import type { NodeDetail } from '@/api/gen'
import { getNode, revokeNode } from '@/api/gen'
import { getNodeOptions, getNodeQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { formatBytes, formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Tag } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { Facts, Page, Section } from '@/ui/page'
import { ErrorState, InlineError, LoadingState } from '@/ui/states'
import { notify } from '@/ui/toast'
import { Assignments } from './assignments'
import { LastSeen, NodeStatus, engineLabel } from './node-status'
import { Reports } from './reports'

const REFRESH_MS = 5000

/** One node: its state and why, what it should run and what it does run, its own reports, its machine. */
export function NodePage() {
  const { org, env } = useScope()
  const { nodeId } = useParams({ from: '/signed-in/$org/$env/nodes/$nodeId' })
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
      actions={<RevokeButton node={node} />}
    >
      {node.reasons.length > 0 && (
        <ul className="mb-4 rounded-md bg-warn-tint px-3 py-2 text-warn">
          {node.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <div className="grid gap-x-10 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="min-w-0">
          <Section title={t('Pipelines')}>
            <Assignments assignments={node.assignments} />
          </Section>
          <Section title={t('Reports')}>
            <Reports reports={node.reports} assignments={node.assignments} />
          </Section>
        </div>
        <aside>
          <Section title={t('Machine')}>
            <MachineFacts node={node} />
          </Section>
          <Section title={t('Labels')}>
            <div className="flex flex-wrap gap-1.5">
              {Object.entries(node.labels).map(([name, value]) => (
                <Tag key={name}>{`${name}=${value}`}</Tag>
              ))}
              {Object.keys(node.labels).length === 0 && <span className="text-secondary">{t('none')}</span>}
            </div>
          </Section>
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
    if (cpu != null) items.push([t('CPU'), `${cpu.toFixed(0)} %`])
    if (used != null && total != null) items.push([t('Memory'), t('{used} of {total}', { used: formatBytes(used), total: formatBytes(total) })])
    if (free != null) items.push([t('Disk free'), formatBytes(free)])
    if (load1 != null) items.push([t('Load'), load1.toFixed(2)])
  }
  return <Facts items={items} />
}

function RevokeButton({ node }: { node: NodeDetail }) {
  const { org, env } = useScope()
  const can = useCan()
  const queryClient = useQueryClient()
  const [asks, setAsks] = useState(false)
  const path = { org, env, id: node.id }
  const revoke = useMutation({
    mutationFn: async () => {
      const { data, response } = await getNode({ path, throwOnError: true })
      const etag = data.etag ?? response.headers.get('ETag') ?? ''
      await revokeNode({ path, headers: { 'If-Match': etag }, throwOnError: true })
    },
    onSuccess: () => {
      setAsks(false)
      notify(t('{name} is revoked.', { name: node.name }))
      void queryClient.invalidateQueries({ queryKey: getNodeQueryKey({ path }) })
    },
  })
  if (!can('node.manage') || node.status === 'revoked') return null
  return (
    <>
      <Button variant="danger" onPress={() => setAsks(true)}>
        {t('Revoke…')}
      </Button>
      <ConfirmDialog
        isOpen={asks}
        onClose={() => setAsks(false)}
        title={t('Revoke {name}?', { name: node.name })}
        confirmLabel={t('Revoke')}
        isPending={revoke.isPending}
        onConfirm={() => revoke.mutate()}
      >
        <p>{t('Its token stops working at once. What runs there goes on until somebody stops it on the machine.')}</p>
        {revoke.error !== null && <InlineError error={revoke.error} />}
      </ConfirmDialog>
    </>
  )
}
