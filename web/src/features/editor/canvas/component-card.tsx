import type { HandleProps, NodeProps } from '@xyflow/react'
import { Handle, Position } from '@xyflow/react'
import { Filter, LogIn, LogOut, Plus, Radio } from 'lucide-react'
import { memo } from 'react'
import type { ComponentRates } from '@/api/gen'
import { useCan } from '@/app/scope'
import { useRatesPart } from '@/features/live/rates-context'
import { t } from '@/lib/i18n'
import { useEditor, useEditorState } from '../context'
import { portLabel } from '../graph/connect'
import type { Kind } from '../graph/types'
import { DEFAULT_PORT } from '../graph/types'
import { useCanvasActions } from './actions'
import { CardTime, FindingBadge, LiveBadges, PortRate, ReceivedRate } from './card-figures'
import { healthOf } from './flow-health'
import type { CardNode } from './nodes'
import { useIsPainted } from './painted'

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
  const isPainted = useIsPainted()
  return (
    <div
      className={`w-52 rounded-lg border bg-raised shadow-raised transition-colors duration-120 ${selected ? 'border-focus ring-1 ring-focus' : 'border-line'} ${off ? 'opacity-60' : ''}`}
    >
      <div className="relative flex h-12 items-center gap-2 px-2.5">
        {component.kind !== 'source' && <Dot component={id} id="in" type="target" position={Position.Left} />}
        <span className={`flex size-7 shrink-0 items-center justify-center rounded-md ${KIND_TINTS[component.kind]}`}>
          <Icon aria-hidden size={15} />
        </span>
        <span className="min-w-0 flex-1">
          <span className="flex items-baseline gap-1.5">
            <span className="min-w-0 flex-1 truncate font-mono text-sm font-medium">{component.id}</span>
            {!isPainted && <CardTime id={id} kind={component.kind} />}
          </span>
          <span className="flex items-baseline gap-1.5 text-sm text-secondary">
            <span className="min-w-0 flex-1 truncate">{off ? t('{type}, off', { type: component.type }) : component.type}</span>
            {!isPainted && (component.kind === 'sink' ? <ReceivedRate id={id} /> : hasDefault && <PortRate id={id} port={DEFAULT_PORT} />)}
          </span>
        </span>
        {isPainted ? <FindingBadge id={id} errors="" /> : <LiveBadges id={id} />}
        {isPainted && <span className="figure-place shrink-0" />}
        {hasDefault && <Output id={id} port={DEFAULT_PORT} isSelected={selected} />}
      </div>
      {named.length > 0 && (
        <ul className="border-t border-line py-1">
          {named.map((port) => (
            <li key={port.name} className="relative flex h-6 items-center justify-end gap-2 px-2.5 text-sm">
              <span className="min-w-0 truncate font-mono text-secondary">{portLabel(port.name)}</span>
              <span className="min-w-8 text-right">
                {isPainted ? <span className="figure-place block" /> : <PortRate id={id} port={port.name} />}
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

type DotProps = HandleProps & { component: string; title?: string }

/** A handle; where figures are painted over the card it keeps the colour of a calm one. */
function Dot({ component, ...handle }: DotProps) {
  return useIsPainted() ? <Handle {...handle} className={`${HANDLE} ${handleTone(undefined)}`} /> : <LiveDot component={component} {...handle} />
}

function LiveDot({ component, ...handle }: DotProps) {
  return <Handle {...handle} className={`${HANDLE} ${useRatesPart(component, handleTone)}`} />
}

function Output({ id, port, isSelected }: { id: string; port: string; isSelected: boolean }) {
  const { canEdit } = useEditor()
  const { addAfter, tap } = useCanvasActions()
  const canTap = useCan()('tap.use')
  // Where nothing goes on yet, the way to go on is in sight.
  const isEnd = useEditorState((state) => isSelected && !state.draft.document.edges.some((each) => each.source === id && each.port === port))
  return (
    <>
      <Dot component={id} id={port} type="source" position={Position.Right} title={portLabel(port)} />
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
