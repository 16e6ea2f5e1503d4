import type { NodeProps } from '@xyflow/react'
import { Handle, Position } from '@xyflow/react'
import { CircleAlert, Filter, Gauge, LogIn, LogOut, Plus, Radio } from 'lucide-react'
import { memo, useCallback } from 'react'
import type { ComponentRates } from '@/api/gen'
import { useCan } from '@/app/scope'
import type { Figure } from '@/features/live/rates-context'
import { LiveFigure, useRatesPart } from '@/features/live/rates-context'
import type { Told } from '@/features/live/times'
import { bufferFill, ownTime } from '@/features/live/times'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useCheck, useEditor, useEditorState } from '../context'
import { portLabel } from '../graph/connect'
import type { Kind } from '../graph/types'
import { DEFAULT_PORT } from '../graph/types'
import { useCanvasActions } from './actions'
import { BUSY, healthOf } from './flow-health'
import type { CardNode } from './nodes'

export const KIND_ICONS = { source: LogIn, transform: Filter, sink: LogOut }
export const KIND_TINTS: Record<Kind, string> = {
  source: 'bg-source-tint text-source',
  transform: 'bg-transform-tint text-transform',
  sink: 'bg-sink-tint text-sink',
}
const HANDLE = 'size-2.5! rounded-full! border-2! border-surface!'

/** A component as it stands on the canvas: what it is, what is wrong with it, and each output with its rate. */
export const ComponentCard = memo(function ComponentCard({ id, data, selected }: NodeProps<CardNode>) {
  const { component, ports } = data
  const Icon = KIND_ICONS[component.kind]
  const named = ports.filter((port) => port.name !== DEFAULT_PORT)
  const hasDefault = ports.length > named.length
  const off = component.enabled === false
  return (
    <div
      className={`w-52 rounded-lg border bg-raised shadow-raised transition-colors duration-120 ${selected ? 'border-focus ring-1 ring-focus' : 'border-line'} ${off ? 'opacity-60' : ''}`}
    >
      <div className="relative flex h-12 items-center gap-2 px-2.5">
        {component.kind !== 'source' && <Input id={id} />}
        <span className={`flex size-7 shrink-0 items-center justify-center rounded-md ${KIND_TINTS[component.kind]}`}>
          <Icon aria-hidden size={15} />
        </span>
        <span className="min-w-0 flex-1">
          <span className="flex items-baseline gap-1.5">
            <span className="min-w-0 flex-1 truncate font-mono text-sm font-medium">{component.id}</span>
            <CardTime id={id} isSink={component.kind === 'sink'} />
          </span>
          <span className="flex items-baseline gap-1.5 text-sm text-secondary">
            <span className="min-w-0 flex-1 truncate">{off ? t('{type}, off', { type: component.type }) : component.type}</span>
            {component.kind === 'sink' ? <ReceivedRate id={id} /> : hasDefault && <PortRate id={id} port={DEFAULT_PORT} />}
          </span>
        </span>
        <BusyMark id={id} />
        <FindingBadge id={id} />
        {hasDefault && <Output id={id} port={DEFAULT_PORT} isSelected={selected} />}
      </div>
      {named.length > 0 && (
        <ul className="border-t border-line py-1">
          {named.map((port) => (
            <li key={port.name} className="relative flex h-6 items-center justify-end gap-2 px-2.5 text-sm">
              <span className="min-w-0 truncate font-mono text-secondary">{portLabel(port.name)}</span>
              <span className="min-w-8 text-right">
                <PortRate id={id} port={port.name} />
              </span>
              <Output id={id} port={port.name} isSelected={selected} />
            </li>
          ))}
        </ul>
      )}
    </div>
  )
})

/** The colour of a component's handles; the words stand on its card and its edges. */
function handleTone(rates: ComponentRates | undefined): string {
  const { errorShare, isBusy } = healthOf(rates)
  return errorShare > 0 ? 'bg-bad!' : isBusy ? 'bg-warn!' : 'bg-control!'
}

function Input({ id }: { id: string }) {
  return <Handle id="in" type="target" position={Position.Left} className={`${HANDLE} ${useRatesPart(id, handleTone)}`} />
}

function busyWords(rates: ComponentRates | undefined): string {
  if (!healthOf(rates).isBusy) return ''
  return (rates?.utilization ?? 0) >= BUSY
    ? t('Busy {percent}% of the time: it holds its senders back', { percent: Math.floor((rates?.utilization ?? 0) * 100) })
    : t('Its buffer is {percent}% full: it holds its senders back', { percent: Math.floor((rates?.buffer?.fill ?? 0) * 100) })
}

function BusyMark({ id }: { id: string }) {
  const words = useRatesPart(id, busyWords)
  if (words === '') return null
  return (
    <span role="img" aria-label={words} title={words} className="flex shrink-0 text-warn">
      <Gauge aria-hidden size={14} />
    </span>
  )
}

function Output({ id, port, isSelected }: { id: string; port: string; isSelected: boolean }) {
  const { canEdit } = useEditor()
  const { addAfter, tap } = useCanvasActions()
  const canTap = useCan()('tap.use')
  // Where nothing goes on yet, the way to go on is in sight.
  const isEnd = useEditorState((state) => isSelected && !state.draft.document.edges.some((each) => each.source === id && each.port === port))
  return (
    <>
      <Handle id={port} type="source" position={Position.Right} className={`${HANDLE} ${useRatesPart(id, handleTone)}`} title={portLabel(port)} />
      {canEdit && (
        <button
          type="button"
          aria-label={t('Add after {id}, output {port}', { id, port: portLabel(port) })}
          className={`nodrag absolute top-1/2 -right-7 ${isEnd ? 'flex' : 'hidden'} size-5 -translate-y-1/2 cursor-pointer items-center justify-center rounded-full border bg-raised text-secondary shadow-raised group-focus-within/card:flex group-hover/card:flex hover:text-text focus-visible:flex`}
          onClick={(event) => {
            event.stopPropagation()
            addAfter(id, port)
          }}
        >
          <Plus aria-hidden size={12} />
        </button>
      )}
      {canTap && (
        <button
          type="button"
          aria-label={t('Tap {id}, output {port}', { id, port: portLabel(port) })}
          title={t('Tap this output')}
          className={`nodrag absolute top-1/2 ${canEdit ? '-right-13' : '-right-7'} hidden size-5 -translate-y-1/2 cursor-pointer items-center justify-center rounded-full border bg-raised text-secondary shadow-raised group-focus-within/card:flex group-hover/card:flex hover:text-text focus-visible:flex`}
          onClick={(event) => {
            event.stopPropagation()
            tap(id, port)
          }}
        >
          <Radio aria-hidden size={12} />
        </button>
      )}
    </>
  )
}

/** How long events take here, or how full the buffer is; nothing where the engine does not say. */
function CardTime({ id, isSink }: { id: string; isSink: boolean }) {
  const isTold = useRatesPart(id, (rates) => (isSink ? bufferFill(rates) : ownTime(rates)) !== null)
  if (!isTold) return null
  return <LiveFigure component={id} read={isSink ? bufferFigure : timeFigure} data-card-time={id} className="shrink-0 text-[11px] text-secondary tabular-nums" />
}

const figureOf = (told: Told | null): Figure => ({ text: told?.short ?? '', title: () => told?.words ?? '' })
const bufferFigure = (rates: ComponentRates | undefined) => figureOf(bufferFill(rates))
const timeFigure = (rates: ComponentRates | undefined) => figureOf(ownTime(rates))

function PortRate({ id, port }: { id: string; port: string }) {
  return <Rate id={id} value={useCallback((rates: ComponentRates | undefined) => rates?.outputs[port]?.events_per_second, [port])} />
}

function ReceivedRate({ id }: { id: string }) {
  return <Rate id={id} value={received} />
}

const received = (rates: ComponentRates | undefined) => rates?.received_events_per_second

function Rate({ id, value }: { id: string; value: (rates: ComponentRates | undefined) => number | undefined }) {
  const isKnown = useRatesPart(id, (rates) => value(rates) !== undefined)
  const read = useCallback(
    (rates: ComponentRates | undefined) => {
      const rate = value(rates) ?? 0
      return { text: formatRate(rate), title: () => t('{n} events per second', { n: rate }) }
    },
    [value],
  )
  if (!isKnown) return null
  return (
    <LiveFigure component={id} read={read} className="shrink-0 text-text tabular-nums">
      <span className="text-[11px] text-secondary">/s</span>
    </LiveFigure>
  )
}

function FindingBadge({ id }: { id: string }) {
  const findings = useCheck().result?.findings.filter((each) => each.component === id && each.severity !== 'note') ?? []
  const errors = useRatesPart(id, (rates) => rates?.errors_per_second ?? 0)
  const failing = errors > 0
  if (findings.length === 0 && !failing) return null
  const isError = failing || findings.some((each) => each.severity === 'error')
  const words = [
    ...findings.map((each) => each.message),
    ...(failing ? [t('{rate} errors per second', { rate: formatRate(errors) })] : []),
  ].join('\n')
  return (
    <span role="img" aria-label={words} title={words} className={`flex shrink-0 items-center gap-0.5 text-sm ${isError ? 'text-bad' : 'text-warn'}`}>
      <CircleAlert aria-hidden size={14} />
      {findings.length > 1 && findings.length}
    </span>
  )
}
