import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useEffect, useRef } from 'react'
import type { Rollout, RolloutNode } from '@/api/gen'
import { listRolloutNodes } from '@/api/gen'
import { listRolloutNodesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import type { RolloutNodeState } from '@/app/search'
import { ROLLOUT_NODE_STATES } from '@/app/search'
import { useScope } from '@/app/scope'
import { reportLabel } from '@/features/nodes/reports'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useTimeZone } from '@/lib/time-zone'
import { pageAt, usePages } from '@/lib/use-pages'
import { StateBadge } from '@/ui/badge'
import { CodeBlock } from '@/ui/code'
import { MoreButton } from '@/ui/more-button'
import { Section } from '@/ui/page'
import { Select } from '@/ui/select'
import { ErrorState, LoadingState } from '@/ui/states'
import { assignmentLabel, isTrouble, nodeCount, nodeState, TROUBLES } from './states'

const PAGE = 100
const ALL = 'all'

/** What each node itself reported: first those that need a look, then all of them, page by page. */
export function RolloutNodes({ rollout }: { rollout: Rollout }) {
  if (nodeCount(rollout.counts) === 0) return null
  return (
    <>
      {nodeCount(rollout.counts, TROUBLES) > 0 && <Troubles rollout={rollout} />}
      <AllNodes rollout={rollout} />
    </>
  )
}

function useNodes(rollout: Rollout, query: { state?: RolloutNodeState[]; batch?: number }) {
  const path = { ...useScope(), id: rollout.id }
  const list = usePages<RolloutNode>({
    queryKey: [...listRolloutNodesQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) => (await listRolloutNodes({ path, query: { ...query, ...pageAt(cursor, PAGE) }, signal, throwOnError: true })).data,
    staleTime: 0,
  })
  // A node never comes back to a state, so as long as the counts are the same the open pages are too. While they are
  // being read they are not begun anew: of a large rollout that would never end.
  const { isFetching, refetch } = list
  const read = useRef(rollout)
  useEffect(() => {
    if (isFetching || read.current === rollout) return
    read.current = rollout
    void refetch()
  }, [isFetching, refetch, rollout])
  return list
}

function Troubles({ rollout }: { rollout: Rollout }) {
  const list = useNodes(rollout, { state: [...TROUBLES] })
  return (
    <Section title={t('Need a look')}>
      <NodeList list={list} render={(node) => <NodeEvidence key={node.id} node={node} rollout={rollout} />} />
    </Section>
  )
}

function AllNodes({ rollout }: { rollout: Rollout }) {
  const { state, batch } = useSearch({ from: '/signed-in/$org/$env/rollouts/$rolloutId' })
  const list = useNodes(rollout, { ...(state === undefined ? {} : { state: [state] }), ...(batch === undefined ? {} : { batch }) })
  return (
    <Section title={t('Nodes')} aside={nodeCount(rollout.counts) > 1 && <Filters rollout={rollout} />}>
      {list.isSuccess && list.items.length === 0 && <p className="text-secondary">{t('No node matches')}</p>}
      <NodeList list={list} render={(node) => <NodeEvidence key={node.id} node={node} rollout={rollout} isBrief />} />
    </Section>
  )
}

function Filters({ rollout }: { rollout: Rollout }) {
  const search = useSearch({ from: '/signed-in/$org/$env/rollouts/$rolloutId' })
  const navigate = useNavigate({ from: '/$org/$env/rollouts/$rolloutId' })
  const set = (change: typeof search) => void navigate({ search: { ...search, ...change }, replace: true })
  const counts = rollout.batches.find((each) => each.batch === search.batch)?.counts ?? rollout.counts
  return (
    <div className="flex flex-wrap gap-2 max-sm:w-full">
      {rollout.batches.length > 1 && (
        <Select
          label={t('Batch')}
          hideLabel
          className="w-32 max-sm:flex-1"
          value={search.batch === undefined ? ALL : String(search.batch)}
          onChange={(value) => set({ batch: value === ALL ? undefined : Number(value) })}
          choices={[{ id: ALL, label: t('Any batch') }, ...rollout.batches.map(({ batch }) => ({ id: String(batch), label: t('Batch {n}', { n: batch }) }))]}
        />
      )}
      <Select
        label={t('State')}
        hideLabel
        className="w-48 max-sm:flex-1"
        value={search.state ?? ALL}
        onChange={(value) => set({ state: ROLLOUT_NODE_STATES.find((each) => each === value) })}
        choices={[
          { id: ALL, label: t('Any state'), hint: String(nodeCount(counts)) },
          ...ROLLOUT_NODE_STATES.map((state) => ({ id: state, label: nodeState(state).label, hint: String(counts[state]) })),
        ]}
      />
    </div>
  )
}

function NodeList({ list, render }: { list: ReturnType<typeof useNodes>; render: (node: RolloutNode) => ReactNode }) {
  return (
    <>
      {list.isPending && <LoadingState rows={3} />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.items.length > 0 && <ul>{list.items.map(render)}</ul>}
      <MoreButton list={list} />
    </>
  )
}

/** `isBrief` leaves out what the engine of a node with trouble said: it stands where those are alone. */
function NodeEvidence({ node, rollout, isBrief = false }: { node: RolloutNode; rollout: Rollout; isBrief?: boolean }) {
  useTimeZone()
  const scope = useScope()
  const { report } = node
  return (
    <li className="border-b py-2 first:border-t">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <Link to="/$org/$env/nodes/$nodeId" params={{ ...scope, nodeId: node.id }} className="min-w-40 font-mono text-sm font-medium hover:underline">
          {node.name}
        </Link>
        <StateBadge {...nodeState(node.state)} />
        <span className="text-secondary tabular-nums">{node.revision === null ? '' : assignmentLabel(node.state, node.revision)}</span>
        {rollout.batches.length > 1 && <span className="text-secondary tabular-nums">{t('Batch {n}', { n: node.batch })}</span>}
        <span className="flex-1" />
        {report !== null && <span className="text-sm text-secondary">{formatTime(report.at)}</span>}
      </div>
      {report !== null && (
        <div className="mt-1 flex flex-col gap-1.5">
          <p className="text-secondary [overflow-wrap:anywhere]">
            {t('Report:')} <span className="font-medium text-text">{reportLabel(report.kind)}</span> {report.message}
          </p>
          {report.engine_output.length > 0 && !(isBrief && isTrouble(node.state)) && (
            <CodeBlock label={t('Output of the engine on {node}', { node: node.name })} text={report.engine_output.join('\n')} />
          )}
        </div>
      )}
    </li>
  )
}
