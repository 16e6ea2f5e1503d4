import { useQuery } from '@tanstack/react-query'
import type { NodeUpdate, UpdatePlan } from '@/api/gen'
import { listUpdateNodesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { StateBadge } from '@/ui/badge'
import { InlineError } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'

const MOST_SHOWN = 50

/** The nodes of an update, those with trouble first: what each runs, and why it does not run what it should. */
export function PlanNodes({ plan, pollMilliseconds }: { plan: UpdatePlan; pollMilliseconds: number }) {
  const path = useScope()
  const nodes = useQuery({ ...listUpdateNodesOptions({ path: { ...path, id: plan.id } }), refetchInterval: pollMilliseconds })
  const columns: Column<NodeUpdate>[] = [
    { key: 'name', title: t('Node'), render: (row) => <span className="font-medium [overflow-wrap:anywhere]">{row.node_name}</span> },
    { key: 'state', title: t('State'), render: (row) => <NodeState node={row} /> },
    { key: 'runs', title: t('Runs'), render: (row) => <span className="tabular-nums">{row.runs === '' ? '–' : row.runs}</span> },
    { key: 'wanted', title: t('Should run'), wideOnly: true, render: () => <span className="tabular-nums">{plan.target}</span> },
    {
      key: 'reason',
      title: t('Why not'),
      wideOnly: true,
      render: (row) => <span className="text-sm text-secondary [overflow-wrap:anywhere]">{row.message === '' ? row.reason : row.message}</span>,
    },
  ]
  if (nodes.error !== null) return <InlineError error={nodes.error} />
  const items = nodes.data?.items ?? []
  if (items.length === 0) return null
  return (
    <>
      <Table label={t('Nodes of this update')} columns={columns} rows={items.slice(0, MOST_SHOWN)} rowKey={(row) => row.node_id} />
      {items.length > MOST_SHOWN && (
        <p className="mt-1 text-sm text-secondary">{t('and {count} more', { count: items.length - MOST_SHOWN })}</p>
      )}
    </>
  )
}

function NodeState({ node }: { node: NodeUpdate }) {
  switch (node.state) {
    case 'done':
      return <StateBadge tone="good" label={t('Done')} />
    case 'failed':
      return <StateBadge tone="bad" label={t('Did not take it')} />
    case 'silent':
      return <StateBadge tone="warn" label={t('Did not answer')} />
    case 'asked':
      return <StateBadge tone="unknown" label={t('Asked')} />
    case 'waiting':
      return <StateBadge tone="unknown" label={t('Waits its turn')} />
    default:
      return <StateBadge tone="unknown" label={t('Not to be asked now')} />
  }
}
