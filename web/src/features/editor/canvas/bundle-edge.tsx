import type { Edge as FlowEdge, EdgeProps } from '@xyflow/react'
import { BaseEdge, EdgeLabelRenderer, getBezierPath } from '@xyflow/react'
import { memo } from 'react'
import { useSummedRate } from '@/features/live/rates-context'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import type { Edge } from '../graph/types'
import { edgeWidth } from './edge-shape'

export type BundleLink = FlowEdge<{ edges: Edge[] }, 'bundle'>

/** The connections into or out of a folded group, as one: how many they are and what they carry together. */
export const BundleEdge = memo(function BundleEdge(props: EdgeProps<BundleLink>) {
  const edges = props.data?.edges ?? []
  const rate = useSummedRate(edges)
  const [path, x, y] = getBezierPath(props)
  const isIdle = rate === undefined || rate === 0
  const style = { stroke: isIdle ? 'var(--control)' : 'var(--transform)', strokeWidth: edgeWidth(rate), strokeDasharray: isIdle ? '4 5' : undefined, opacity: isIdle ? 1 : 0.75 }
  return (
    <>
      <BaseEdge id={props.id} path={path} style={style} />
      <EdgeLabelRenderer>
        {(rate !== undefined || edges.length > 1) && (
          <span
            className="nodrag nopan pointer-events-auto absolute rounded-full border border-line bg-surface px-1.5 text-sm leading-4 tabular-nums"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            title={t('{n, plural, one {# connection} other {# connections}}', { n: edges.length })}
          >
            {edges.length > 1 && <span className="text-secondary">{edges.length}×</span>}
            {rate !== undefined && ` ${formatRate(rate)}/s`}
          </span>
        )}
      </EdgeLabelRenderer>
    </>
  )
})
