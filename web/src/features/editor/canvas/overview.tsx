import { MiniMap, useReactFlow, useStore } from '@xyflow/react'
import { useMemo } from 'react'
import { t } from '@/lib/i18n'
import { useNarrow } from '@/lib/use-narrow'
import type { Kind } from '../graph/types'
import type { CanvasNode } from './frames'
import { around, boxOf, isInSight } from './opening'
import { useViewportAddress } from './viewport'

/** From so many components on, a map of the whole helps more than it hides. */
const MAP_FROM = 12
const COLOURS: Record<Kind, string> = { source: 'var(--source)', transform: 'var(--transform)', sink: 'var(--sink)' }
const SMALL = { width: 112, height: 72 }

/** The map of the whole: always there for a large graph, and for any whose rest is out of sight. */
export function Overview({ nodes }: { nodes: readonly CanvasNode[] }) {
  const whole = useMemo(() => around(nodes.map(boxOf)), [nodes])
  const isCut = useStore((state) => whole !== null && state.width > 0 && !isInSight(state, whole))
  const isNarrow = useNarrow()
  const flow = useReactFlow()
  const { remember } = useViewportAddress()
  if (!isCut && (isNarrow || nodes.length < MAP_FROM)) return null
  return (
    // The map moves the view by itself, which the canvas takes for no person's doing.
    <div className="contents" onPointerUp={() => remember(flow.getViewport())}>
      <MiniMap
        pannable
        zoomable
        onClick={(_event, { x, y }) => void flow.setCenter(x, y, { zoom: flow.getZoom() }).then(() => remember(flow.getViewport()))}
        ariaLabel={t('Map of the pipeline')}
        nodeColor={(node: CanvasNode) => (node.type === 'frame' ? 'var(--line)' : COLOURS[node.data.component.kind])}
        nodeBorderRadius={12}
        bgColor="var(--surface)"
        maskColor="color-mix(in oklch, var(--sunken) 70%, transparent)"
        className="overflow-hidden rounded-md border border-line"
        {...(isNarrow ? { style: SMALL } : {})}
      />
    </div>
  )
}
