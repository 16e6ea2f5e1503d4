import type { EdgeProps } from '@xyflow/react'
import { BaseEdge, EdgeLabelRenderer, getBezierPath } from '@xyflow/react'
import { Plus } from 'lucide-react'
import { memo, useCallback } from 'react'
import type { ComponentRates } from '@/api/gen'
import { LiveFigure, useRatesPart } from '@/features/live/rates-context'
import type { ToldTime } from '@/features/live/times'
import { ownTime, waitTime } from '@/features/live/times'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useEditor } from '../context'
import { useCanvasActions } from './actions'
import { healthOf, healthWord } from './flow-health'
import type { FlowLink } from './nodes'

/** The width of an edge in pixels for its events per second, on a log scale. */
export function edgeWidth(rate: number | undefined): number {
  if (rate === undefined || rate <= 0) return 1.5
  // Half pixels: what nobody sees is not drawn anew.
  return Math.round(Math.min(8, 1.5 + Math.log10(1 + rate) * 1.4) * 2) / 2
}

const LABEL_AT = 0.36
/** Times from here on always show, in seconds; shorter ones when the edge is pointed at or selected. */
const LONG = 0.01
/** On a shorter edge than this the label would cover the handle, so it stands in the middle. */
const SHORT = 90

/** Where the rate stands: nearer to the sender, so that edges into one target do not write over each other. */
function labelPlace({ sourceX, sourceY, targetX, targetY }: EdgeProps<FlowLink>): { x: number; y: number } {
  const bend = Math.max(Math.abs(targetX - sourceX) / 2, 30)
  const t1 = targetX - sourceX < SHORT ? 0.5 : LABEL_AT
  const u = 1 - t1
  const along = (a: number, b: number, c: number, d: number) => u * u * u * a + 3 * u * u * t1 * b + 3 * u * t1 * t1 * c + t1 * t1 * t1 * d
  return { x: along(sourceX, sourceX + bend, targetX - bend, targetX), y: along(sourceY, sourceY, targetY, targetY) }
}

/** A connection: as wide as it carries, dashed while nothing flows, red for the share that fails where it ends. */
export const FlowEdge = memo(function FlowEdge(props: EdgeProps<FlowLink>) {
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
})

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

/** The time that says most about who receives: the wait for its buffer, or its own. */
function timeOf(rates: ComponentRates | undefined): ToldTime | null {
  return waitTime(rates) ?? ownTime(rates)
}

function timeFigure(rates: ComponentRates | undefined) {
  return { text: timeOf(rates)?.short ?? '', title: () => '' }
}

/** What an edge carries, in figures: it listens by itself, so that new figures do not draw the path anew. */
function EdgeLabel({ id, source, port, target, x, y, isSelected }: EdgeLabelProps) {
  const isKnown = useRatesPart(source, (rates) => rates?.outputs[port] !== undefined)
  const flows = useRatesPart(source, (rates) => (rates?.outputs[port]?.events_per_second ?? 0) > 0)
  const hasTime = useRatesPart(target, (rates) => timeOf(rates) !== null)
  const isLong = useRatesPart(target, (rates) => (timeOf(rates)?.seconds ?? 0) >= LONG)
  const worst = useRatesPart(target, (rates) => healthWord(healthOf(rates))?.word)
  const tone = useRatesPart(target, (rates) => healthWord(healthOf(rates))?.tone) ?? 'plain'
  const read = useCallback(
    (rates: ComponentRates | undefined, of: (component: string) => ComponentRates | undefined) => {
      const rate = rates?.outputs[port]?.events_per_second ?? 0
      const time = timeOf(of(target))
      return { text: formatRate(rate), title: () => [t('{n} events per second', { n: rate }), ...(time === null ? [] : [time.words])].join('\n') }
    },
    [port, target],
  )
  const { canEdit } = useEditor()
  const { addOnEdge } = useCanvasActions()
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
      {canEdit && (
        <button
          type="button"
          aria-label={t('Add between: {edge}', { edge: id.replace('>', ' → ') })}
          title={t('Add between')}
          onClick={() => addOnEdge(id)}
          className={`flex size-5 cursor-pointer items-center justify-center rounded-full border bg-raised text-secondary opacity-0 transition-opacity duration-120 group-hover/edge:opacity-100 hover:text-text focus-visible:opacity-100 ${isSelected ? 'opacity-100' : ''}`}
        >
          <Plus aria-hidden size={12} />
        </button>
      )}
    </div>
  )
}
