import { Link, useSearch } from '@tanstack/react-router'
import type { Rollout } from '@/api/gen'
import { listRollouts } from '@/api/gen'
import { listRolloutsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { pageAt, usePages } from '@/lib/use-pages'
import { StateBadge } from '@/ui/badge'
import { buttonClass } from '@/ui/button'
import { MoreButton } from '@/ui/more-button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { nodeCount, rolloutState } from './states'

/** The rollouts of an environment, or of one pipeline. */
export function RolloutListPage() {
  const { org, env } = useScope()
  const { pipeline } = useSearch({ from: '/signed-in/$org/$env/rollouts' })
  const now = useNow(10_000)
  const path = { org, env }
  const query = pipeline === undefined ? {} : { pipeline }
  const rollouts = usePages<Rollout>({
    queryKey: [...listRolloutsQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) => (await listRollouts({ path, query: { ...query, ...pageAt(cursor, 100) }, signal, throwOnError: true })).data,
    refetchInterval: 10_000,
  })
  const columns: Column<Rollout>[] = [
    {
      key: 'pipeline',
      title: t('Pipeline'),
      render: (row) => (
        <Link to="/$org/$env/rollouts/$rolloutId" params={{ org, env, rolloutId: row.id }} className="font-medium [overflow-wrap:anywhere] hover:underline">
          {row.pipeline.name}
        </Link>
      ),
    },
    { key: 'revision', title: t('Revision'), align: 'right', render: (row) => row.revision },
    { key: 'state', title: t('State'), render: (row) => <StateBadge {...rolloutState(row.state)} /> },
    {
      key: 'nodes',
      title: t('Applied'),
      align: 'right',
      wideOnly: true,
      render: (row) => t('{applied, number} / {n, number}', { applied: row.counts.applied, n: nodeCount(row.counts) }),
    },
    { key: 'message', title: t('Message'), wideOnly: true, render: (row) => <span className="[overflow-wrap:anywhere]">{row.message}</span> },
    {
      key: 'made',
      title: t('Started'),
      render: (row) => (
        <span className="whitespace-nowrap text-secondary">
          {formatAge(row.created_at, now)}
          {row.created_by !== null && <span className="max-sm:hidden"> · {row.created_by}</span>}
        </span>
      ),
    },
  ]
  const { items } = rollouts
  return (
    <Page
      title={t('Rollouts')}
      actions={
        pipeline !== undefined && (
          <Link to="/$org/$env/rollouts" params={{ org, env }} className={buttonClass('quiet')}>
            {t('Show all pipelines')}
          </Link>
        )
      }
    >
      {rollouts.isPending && <LoadingState />}
      {rollouts.error !== null && items.length === 0 && <ErrorState error={rollouts.error} onRetry={() => void rollouts.refetch()} />}
      {rollouts.isSuccess && items.length === 0 && (
        <EmptyState title={t('Nothing was deployed yet')}>{t('A deploy starts a rollout; its course and its evidence stay here.')}</EmptyState>
      )}
      {items.length > 0 && <Table label={t('Rollouts')} columns={columns} rows={items} rowKey={(row) => row.id} />}
      <MoreButton list={rollouts} />
    </Page>
  )
}
