import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { TicketPlus } from 'lucide-react'
import type { Node } from '@/api/gen'
import { listNodes } from '@/api/gen'
import { listNodesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { nodeSearch } from '@/app/search'
import { t } from '@/lib/i18n'
import { usePages } from '@/lib/use-pages'
import { buttonClass } from '@/ui/button'
import { MoreButton } from '@/ui/more-button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import { FleetNotices } from './notices'
import { NodeFilters } from './filters'
import { NodeTable } from './node-table'

const REFRESH_MS = 10_000

/** The nodes of an environment: what is wrong, what runs, when each was last heard. */
export function NodeListPage() {
  const { org, env } = useScope()
  const can = useCan()
  const search = nodeSearch(useSearch({ from: '/signed-in/$org/$env/nodes' }))
  const navigate = useNavigate({ from: '/$org/$env/nodes' })
  const path = { org, env }
  const query = { ...search, limit: 200 }
  const list = usePages<Node>({
    queryKey: [...listNodesQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listNodes({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
    refetchInterval: REFRESH_MS,
  })
  const isFiltered = Object.values(search).some((value) => value !== undefined)
  const set = (change: typeof search) => void navigate({ search: { ...search, ...change }, replace: true })
  const enrol = can('enrolment.manage') && (
    <Link to="/$org/$env/enrolment" params={path} className={buttonClass('secondary')}>
      <TicketPlus aria-hidden size={14} />
      {t('Enrol nodes')}
    </Link>
  )
  return (
    <Page title={t('Nodes')} actions={enrol}>
      <FleetNotices />
      {(list.items.length > 0 || isFiltered) && <NodeFilters search={search} onChange={set} />}
      {list.isPending && <LoadingState />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && (
        <EmptyState title={isFiltered ? t('No node matches') : t('No nodes yet')} action={!isFiltered && enrol}>
          {isFiltered
            ? t('Change the search or the filters.')
            : t('A node is a machine with an agent. Make an enrolment token and run the command it gives you.')}
        </EmptyState>
      )}
      {list.items.length > 0 && <NodeTable nodes={list.items} />}
      <MoreButton list={list} />
    </Page>
  )
}
