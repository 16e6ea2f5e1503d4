import { MiniMap, useStore } from '@xyflow/react'
import { useMemo } from 'react'
import { t } from '@/lib/i18n'
import { useNarrow } from '@/lib/use-narrow'
import type { Kind } from '../graph/types'
import type { CanvasNode } from './frames'
import { around, boxOf, isInSight } from './opening'

/** From so many components on, a map of the whole helps more than it hides. */
const MAP_FROM = 12
const COLOURS: Record<Kind, string> = { source: 'var(--source)', transform: 'var(--transform)', sink: 'var(--sink)' }
const SMALL = { width: 112, height: 72 }

/** The map of the whole: always there for a large graph, and for any whose rest is out of sight. */
export function Overview({ nodes }: { nodes: readonly CanvasNode[] }) {
  const whole = useMemo(() => around(nodes.map(boxOf)), [nodes])
  const isCut = useStore((state) => whole !== null && state.width > 0 && !isInSight(state, whole))
  const isNarrow = useNarrow()
  if (!isCut && (isNarrow || nodes.length < MAP_FROM)) return null
  return (
    <MiniMap
      pannable
      zoomable
      ariaLabel={t('Map of the pipeline')}
      nodeColor={(node: CanvasNode) => (node.type === 'frame' ? 'var(--line)' : COLOURS[node.data.component.kind])}
      nodeBorderRadius={12}
      bgColor="var(--surface)"
      maskColor="color-mix(in oklch, var(--sunken) 70%, transparent)"
      className="overflow-hidden rounded-md border border-line"
      {...(isNarrow ? { style: SMALL } : {})}
    />
  )
}
