import type { EdgeProps } from '@xyflow/react'
import { BaseEdge, EdgeLabelRenderer, getBezierPath } from '@xyflow/react'
import { Plus } from 'lucide-react'
import { memo, useCallback } from 'react'
import type { ComponentRates } from '@/api/gen'
import { LiveFigure, useRatesPart } from '@/features/live/rates-context'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useEditor } from '../context'
import { useCanvasActions } from './actions'
import { edgeWidth, labelPlace } from './edge-shape'
import { healthOf, healthWord } from './flow-health'
import { LONG, receiverTime } from './live-words'
import type { FlowLink } from './nodes'
import { useIsPainted } from './painted'


/** A connection: itself, or what of it can be pointed at where it is painted. */
export const FlowEdge = memo(function FlowEdge(props: EdgeProps<FlowLink>) {
  return useIsPainted() ? <PaintedEdge {...props} /> : <LiveEdge {...props} />
})

function PaintedEdge(props: EdgeProps<FlowLink>) {
  const { canEdit } = useEditor()
  const [path] = getBezierPath(props)
  const { x, y } = labelPlace(props)
  return (
    <>
      <BaseEdge id={props.id} path={path} className="painted-edge" interactionWidth={22} />
      {canEdit && (
        <EdgeLabelRenderer>
          <div data-edge={props.id} className="nodrag nopan group/edge pointer-events-auto absolute flex size-10 items-start justify-center" style={{ left: x - 20, top: y - 30 }}>
            <InsertButton id={props.id} isSelected={props.selected === true} />
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  )
}

/** As wide as it carries, dashed while nothing flows, red for the share that fails where it ends. */
function LiveEdge(props: EdgeProps<FlowLink>) {
  const { id, source, target, sourceHandleId, selected, data } = props
  const port = sourceHandleId ?? '_default'
  const width = useRatesPart(source, (rates) => edgeWidth(rates?.outputs[port]?.events_per_second))
  const isIdle = useRatesPart(source, (rates) => (rates?.outputs[port]?.events_per_second ?? 0) === 0)
  const errorShare = useRatesPart(target, (rates) => healthOf(rates).errorShare)
  const isBusy = useRatesPart(target, (rates) => healthOf(rates).isBusy)
  const [path] = getBezierPath(props)
  const { x, y } = labelPlace(props)
  const stroke = data?.isBroken ? 'var(--bad)' : selected ? 'var(--focus)' : isIdle ? 'var(--control)' : isBusy ? 'var(--warn)' : 'var(--transform)'
  const style = { stroke, strokeWidth: width, strokeDasharray: isIdle ? '4 5' : undefined, opacity: selected || isIdle ? 1 : 0.75 }
  return (
    <>
      <BaseEdge id={id} path={path} style={style} interactionWidth={22} />
      {errorShare > 0 && !isIdle && <ErrorPart path={path} share={errorShare} width={width} />}
      <EdgeLabelRenderer>
        <EdgeLabel id={id} source={source} port={port} target={target} x={x} y={y} isSelected={selected === true} />
      </EdgeLabelRenderer>
    </>
  )
}

type EdgeLabelProps = { id: string; source: string; port: string; target: string; x: number; y: number; isSelected: boolean }

/** The end of the edge in red, as long as the share of events that fail there. */
function ErrorPart({ path, share, width }: { path: string; share: number; width: number }) {
  // Less than a twentieth would be too short to see.
  const length = Math.max(5, share * 100)
  return (
    <path
      d={path}
      pathLength={100}
      data-error-part
      fill="none"
      stroke="var(--bad)"
      strokeWidth={width}
      strokeDasharray={`${length} 200`}
      strokeDashoffset={length - 100}
      className="pointer-events-none"
    />
  )
}

const WORD_TONES = { bad: 'bg-bad-tint text-bad', warn: 'bg-warn-tint text-warn', plain: 'border border-line bg-surface text-secondary' }

function timeFigure(rates: ComponentRates | undefined) {
  return { text: receiverTime(rates)?.short ?? '', title: () => '' }
}

/** What an edge carries, in figures: it listens by itself, so that new figures do not draw the path anew. */
function EdgeLabel({ id, source, port, target, x, y, isSelected }: EdgeLabelProps) {
  const isKnown = useRatesPart(source, (rates) => rates?.outputs[port] !== undefined)
  const flows = useRatesPart(source, (rates) => (rates?.outputs[port]?.events_per_second ?? 0) > 0)
  const hasTime = useRatesPart(target, (rates) => receiverTime(rates) !== null)
  const isLong = useRatesPart(target, (rates) => (receiverTime(rates)?.seconds ?? 0) >= LONG)
  const worst = useRatesPart(target, (rates) => healthWord(healthOf(rates))?.word)
  const tone = useRatesPart(target, (rates) => healthWord(healthOf(rates))?.tone) ?? 'plain'
  const read = useCallback(
    (rates: ComponentRates | undefined, of: (component: string) => ComponentRates | undefined) => {
      const rate = rates?.outputs[port]?.events_per_second ?? 0
      const time = receiverTime(of(target))
      return { text: formatRate(rate), title: () => [t('{n} events per second', { n: rate }), ...(time === null ? [] : [time.words])].join('\n') }
    },
    [port, target],
  )
  const { canEdit } = useEditor()
  return (
    <div
      className="nodrag nopan group/edge pointer-events-auto absolute flex items-center gap-1 rounded-full"
      style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
    >
      {isKnown && (
        <LiveFigure component={source} read={read} data-edge-rate={id} className="rounded-full border border-line bg-surface px-1.5 text-sm leading-4 tabular-nums">
          <span className="text-[11px] text-secondary">/s</span>
        </LiveFigure>
      )}
      {worst !== undefined && (
        <span className={`absolute top-full left-1/2 mt-0.5 -translate-x-1/2 rounded-full px-1.5 text-sm leading-4 whitespace-nowrap tabular-nums ${WORD_TONES[tone]}`}>
          {worst}
        </span>
      )}
      {worst === undefined && hasTime && flows && (
        <LiveFigure
          component={target}
          read={timeFigure}
          data-edge-time={id}
          className={`absolute top-full left-1/2 mt-0.5 -translate-x-1/2 rounded-full bg-surface px-1 text-[11px] leading-3 whitespace-nowrap text-secondary tabular-nums ${isSelected || isLong ? '' : 'hidden group-hover/edge:block'}`}
        />
      )}
      {canEdit && <InsertButton id={id} isSelected={isSelected} />}
    </div>
  )
}

function InsertButton({ id, isSelected }: { id: string; isSelected: boolean }) {
  const { addOnEdge } = useCanvasActions()
  return (
    <button
      type="button"
      aria-label={t('Add between: {edge}', { edge: id.replace('>', ' → ') })}
      title={t('Add between')}
      onClick={() => addOnEdge(id)}
      className={`flex size-5 cursor-pointer items-center justify-center rounded-full border bg-raised text-secondary opacity-0 transition-opacity duration-120 group-hover/edge:opacity-100 hover:text-text focus-visible:opacity-100 ${isSelected ? 'opacity-100' : ''}`}
    >
      <Plus aria-hidden size={12} />
    </button>
  )
}
