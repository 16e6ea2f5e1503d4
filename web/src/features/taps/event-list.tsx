import { Pin, PinOff } from 'lucide-react'
import { memo, useCallback, useState } from 'react'
import { t } from '@/lib/i18n'
import { timeZone } from '@/lib/time-zone'
import { IconButton } from '@/ui/button'
import { visible } from '@/lib/lines'
import type { ShownEvent } from './tap-session'
import { ValueTree } from './value-tree'

type EventListProps = { events: readonly ShownEvent[]; nodeName: (id: string) => string; onPin?: (number: number) => void }

const MOST_COLUMNS = 8
const SHORT = 200

/** Hour to millisecond in the chosen zone; an event may have come without its time. */
function formatClock(at: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '–'
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' } as const
  return date.toLocaleTimeString('en-GB', timeZone() === 'utc' ? { ...options, timeZone: 'UTC' } : options)
}

/** A value in one line, as text only. */
function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return visible(text.slice(0, SHORT))
}

function Marks({ event }: { event: ShownEvent }) {
  const marks = [
    event.redacted > 0 ? t('{n} replaced', { n: event.redacted }) : '',
    event.cut ? t('cut') : '',
    event.binary ? t('binary') : '',
    event.kind === 'log' ? '' : event.kind,
  ].filter((mark) => mark !== '')
  return <span className="text-sm text-secondary">{marks.join(' · ')}</span>
}

function PinButton({ event, onPin }: { event: ShownEvent; onPin: ((number: number) => void) | undefined }) {
  if (onPin === undefined) return null
  return (
    <IconButton label={event.isPinned ? t('Let go') : t('Pin')} onPress={() => onPin(event.number)}>
      {event.isPinned ? <PinOff aria-hidden size={14} /> : <Pin aria-hidden size={14} />}
    </IconButton>
  )
}

type EventRowProps = { event: ShownEvent; node: string; onPin: ((number: number) => void) | undefined }

/** Kept as it is while newer events come: only what is new is drawn. */
const EventTree = memo(function EventTree({ event, node, onPin, isOpen, onToggle }: EventRowProps & { isOpen: boolean; onToggle: (number: number) => void }) {
  return (
    <li className={`border-b border-line ${event.isPinned ? 'bg-hover/60' : ''}`}>
      <div className="flex items-start gap-2">
        <button
          type="button"
          aria-expanded={isOpen}
          onClick={() => onToggle(event.number)}
          className="flex min-w-0 flex-1 cursor-pointer flex-wrap items-baseline gap-x-3 py-1.5 text-left hover:bg-hover/60"
        >
          <span className="text-sm whitespace-nowrap text-secondary tabular-nums">
            {formatClock(event.at)} {node}
          </span>
          <span className="min-w-0 flex-1 basis-64 truncate font-mono text-sm">{brief(event.event)}</span>
          <Marks event={event} />
        </button>
        <PinButton event={event} onPin={onPin} />
      </div>
      {isOpen && (
        <div className="overflow-x-auto pb-2 pl-4">
          <ValueTree value={event.event} />
        </div>
      )}
    </li>
  )
})

/** Events one under the other, each a tree that opens. */
export function EventTrees({ events, nodeName, onPin }: EventListProps) {
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set())
  const toggle = useCallback((number: number) => {
    setOpened((before) => {
      const next = new Set(before)
      if (!next.delete(number)) next.add(number)
      return next
    })
  }, [])
  return (
    <ul aria-label={t('Events')} className="flex flex-col">
      {events.map((event) => (
        <EventTree key={event.number} event={event} node={nodeName(event.node_id)} onPin={onPin} isOpen={opened.has(event.number)} onToggle={toggle} />
      ))}
    </ul>
  )
}

const EventRow = memo(function EventRow({ event, node, onPin, columns }: EventRowProps & { columns: string }) {
  const record = (event.event ?? {}) as Record<string, unknown>
  return (
    <tr className={event.isPinned ? 'bg-hover/60' : ''}>
      <td className="border-b border-line px-1">
        <PinButton event={event} onPin={onPin} />
      </td>
      <td className="border-b border-line px-2 py-1 whitespace-nowrap tabular-nums">{formatClock(event.at)}</td>
      <td className="border-b border-line px-2 py-1 whitespace-nowrap">{node}</td>
      {namesOf(columns).map((name) => (
        <td key={name} className="max-w-80 truncate border-b border-line px-2 py-1 font-mono">
          {record[name] === undefined ? '' : brief(record[name])}
        </td>
      ))}
    </tr>
  )
})

/** Names of columns as one text, which stays equal while they stay the same. */
const joined = (names: readonly string[]) => JSON.stringify(names)
const namesOf = (columns: string) => JSON.parse(columns) as string[]

/** Events as rows, with the fields that most of them have as columns. */
export function EventTable({ events, nodeName, onPin }: EventListProps) {
  const counts = new Map<string, number>()
  for (const { event } of events) {
    if (typeof event !== 'object' || event === null) continue
    for (const name of Object.keys(event)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const columns = [...counts.entries()].sort((a, b) => b[1] - a[1]).slice(0, MOST_COLUMNS).map(([name]) => name)
  const key = joined(columns)
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={t('Events as a table')}>
      <table aria-label={t('Events')} className="w-full border-collapse text-sm">
        <thead>
          <tr>
            <th scope="col" className="border-b border-line"><span className="sr-only">{t('Actions')}</span></th>
            <th scope="col" className="h-8 border-b border-line px-2 text-left font-medium text-secondary">{t('Time')}</th>
            <th scope="col" className="h-8 border-b border-line px-2 text-left font-medium text-secondary">{t('Node')}</th>
            {columns.map((name) => (
              <th key={name} scope="col" className="h-8 border-b border-line px-2 text-left font-mono font-medium text-secondary">
                {visible(name.slice(0, 40))}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <EventRow key={event.number} event={event} node={nodeName(event.node_id)} onPin={onPin} columns={key} />
          ))}
        </tbody>
      </table>
    </div>
  )
}
