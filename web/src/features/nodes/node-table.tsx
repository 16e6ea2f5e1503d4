import { Link } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { Copy, Wrench } from 'lucide-react'
import { useRef } from 'react'
import type { Node } from '@/api/gen'
import { useScope } from '@/app/scope'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { LastSeen, NodeStatus, engineLabel, reasonLabel } from './node-status'

const ROW = 40
const GRID =
  'grid grid-cols-[minmax(0,1.6fr)_minmax(7rem,1fr)_6rem] items-center gap-x-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.5fr)_4.5rem_5rem_8.5rem_5rem_5.5rem]'

function Row({ node }: { node: Node }) {
  const scope = useScope()
  return (
    <>
      <div role="cell" className="min-w-0">
        <Link to="/$org/$env/nodes/$nodeId" params={{ ...scope, nodeId: node.id }} className="flex h-10 flex-col justify-center">
          <span className="truncate font-medium hover:underline">{node.name}</span>
          {node.hostname !== node.name && <span className="truncate font-mono text-sm leading-4 text-secondary">{node.hostname}</span>}
        </Link>
      </div>
      <div role="cell" className="flex min-w-0 items-center gap-2">
        <NodeStatus status={node.status} />
        {node.in_maintenance && <Wrench aria-label={t('Under maintenance')} size={13} className="shrink-0 text-secondary" />}
        {node.duplicate !== null && <Copy aria-label={t('Possible duplicate')} size={13} className="shrink-0 text-warn" />}
        <span className="truncate text-sm text-secondary max-lg:hidden" title={node.reasons.map(reasonLabel).join('\n')}>
          {node.reasons.map(reasonLabel).join('; ')}
        </span>
      </div>
      <div role="cell" className="text-right tabular-nums max-lg:hidden">
        {node.pipelines_running} / {node.pipelines_assigned}
      </div>
      <div role="cell" className="text-right tabular-nums max-lg:hidden">
        {node.rates === null ? '–' : `${formatRate(node.rates.received)}/s`}
      </div>
      <div role="cell" className="truncate text-secondary max-lg:hidden">
        {engineLabel(node.engine)}
      </div>
      <div role="cell" className="truncate text-secondary max-lg:hidden">
        {node.agent_version ?? '–'}
      </div>
      <div role="cell" className="text-right">
        <LastSeen at={node.last_seen_at} />
      </div>
    </>
  )
}

/** The nodes as a table that stays quick with thousands of rows: only what is seen is drawn. */
export function NodeTable({ nodes }: { nodes: Node[] }) {
  const body = useRef<HTMLDivElement>(null)
  // eslint-disable-next-line react-hooks/incompatible-library -- no compiler memoises this component
  const rows = useVirtualizer({ count: nodes.length, getScrollElement: () => body.current, estimateSize: () => ROW, overscan: 12 })
  const heads: [string, string][] = [
    [t('Node'), ''],
    [t('Status'), ''],
    [t('Pipelines'), 'text-right max-lg:hidden'],
    [t('Received'), 'text-right max-lg:hidden'],
    [t('Engine'), 'max-lg:hidden'],
    [t('Agent'), 'max-lg:hidden'],
    [t('Last seen'), 'text-right'],
  ]
  return (
    <div role="table" aria-label={t('Nodes')} aria-rowcount={nodes.length}>
      <div role="row" className={`${GRID} h-8 border-b text-sm font-medium text-secondary`}>
        {heads.map(([title, extra]) => (
          <div role="columnheader" key={title} className={extra}>
            {title}
          </div>
        ))}
      </div>
      <div ref={body} role="rowgroup" className="max-h-[calc(100vh-13rem)] overflow-auto">
        <div className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((item) => {
            const node = nodes[item.index]
            if (node === undefined) return null
            return (
              <div
                key={node.id}
                role="row"
                aria-rowindex={item.index + 1}
                className={`${GRID} absolute inset-x-0 border-b hover:bg-hover/60`}
                style={{ height: ROW, transform: `translateY(${item.start}px)` }}
              >
                <Row node={node} />
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
