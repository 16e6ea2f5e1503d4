import { useNavigate, useSearch } from '@tanstack/react-router'
import { Download, Pause, Play, Save, Square, Trash2, Wand2 } from 'lucide-react'
import { useCallback, useState, useSyncExternalStore } from 'react'
import type { Tap } from '@/api/gen'
import { formatCount } from '@/lib/format'
import { t } from '@/lib/i18n'
import { downloadLines, safeLine, visible } from '@/lib/lines'
import type { Tone } from '@/ui/badge'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { SearchField } from '@/ui/field'
import { Select } from '@/ui/select'
import { EventTable, EventTrees } from './event-list'
import { SaveDialog } from './save-dialog'
import type { ShownEvent, TapSession, TapState } from './tap-session'
import { endedLabel } from './words'

type TapViewProps = { session: TapSession; onStop: () => void; onUseAsSamples?: (events: unknown[]) => void }

const MOST_DRAWN = 100
const MOST_SAMPLES = 100
const MOST_SAVED = 1000

function badge({ tap, connection, isPaused }: TapState): { tone: Tone; label: string } {
  if (tap.ended !== '') return { tone: 'unknown', label: endedLabel(tap.ended) }
  if (connection === 'ended') return { tone: 'unknown', label: t('It was stopped.') }
  if (connection === 'lost') return { tone: 'warn', label: t('The connection is lost; trying again.') }
  if (tap.nodes.every((node) => node.heard_at === null)) return { tone: 'active', label: t('Waiting for nodes') }
  if (isPaused) return { tone: 'unknown', label: t('Paused') }
  return { tone: 'good', label: t('Live') }
}

/** The events of an open tap, and what can be done with them. */
export function TapView({ session, onStop, onUseAsSamples }: TapViewProps) {
  const state = useSyncExternalStore(session.subscribe, session.current)
  const navigate = useNavigate()
  const view = useSearch({ strict: false, select: (here) => here.view ?? 'tree' })
  const [search, setSearch] = useState('')
  const [isSaving, setSaving] = useState(false)
  const { tap, events, isPaused } = state
  const isOver = state.connection === 'ended'
  const wanted = search.trim().toLowerCase()
  const found = wanted === '' ? events : events.filter((each) => safeLine(each.event).toLowerCase().includes(wanted))
  const pinned = found.filter((each) => each.isPinned)
  const chosen = pinned.length > 0 ? pinned : found
  const names = new Map(tap.nodes.map((node) => [node.node_id, node.name]))
  const nodeName = (id: string) => names.get(id) ?? '–'
  const { tone, label } = badge(state)
  const pin = useCallback((number: number) => session.pin(number), [session])
  const [wantsWhole, setWhole] = useState(false)
  // All are searched, exported and saved; so many rows at once are what a browser draws smoothly while more come.
  const drawn = wantsWhole && (isPaused || isOver) ? found : found.filter((each, place) => place < MOST_DRAWN || each.isPinned)
  const showWhole = () => {
    session.pause(true)
    setWhole(true)
  }
  return (
    <div className="flex min-h-80 flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <StateBadge tone={tone} label={label} />
        <span className="flex-1" />
        {!isOver && (
          <>
            {/* The form that had the focus is gone; without one no key would reach the dialog. */}
            <Button autoFocus onPress={() => session.pause(!isPaused)}>
              {isPaused ? <Play aria-hidden size={14} /> : <Pause aria-hidden size={14} />}
              {isPaused ? t('Go on') : t('Pause')}
            </Button>
            <Button onPress={onStop}>
              <Square aria-hidden size={14} />
              {t('Stop')}
            </Button>
          </>
        )}
        <Button isDisabled={events.length === 0} onPress={() => session.clear()}>
          <Trash2 aria-hidden size={14} />
          {t('Clear')}
        </Button>
        <Button isDisabled={chosen.length === 0} onPress={() => downloadLines(`tap-${tap.component}`, chosen.map((each) => each.event))}>
          <Download aria-hidden size={14} />
          {t('Export')}
        </Button>
        <Button isDisabled={chosen.length === 0} onPress={() => setSaving(true)}>
          <Save aria-hidden size={14} />
          {t('Save as capture')}
        </Button>
        {onUseAsSamples !== undefined && (
          <Button isDisabled={chosen.length === 0} onPress={() => onUseAsSamples(chosen.slice(0, MOST_SAMPLES).map((each) => each.event))}>
            <Wand2 aria-hidden size={14} />
            {t('Use as samples')}
          </Button>
        )}
      </div>
      <Counts tap={tap} state={state} />
      <div className="flex flex-wrap items-center gap-2">
        <SearchField label={t('Search what is shown')} value={search} onChange={setSearch} className="w-64 max-sm:w-full" />
        <Select
          label={t('View')}
          hideLabel
          className="w-28"
          value={view}
          onChange={(next) => void navigate({ to: '.', search: (before) => ({ ...before, view: next === 'table' ? next : undefined }), state: true, replace: true, resetScroll: false })}
          choices={[
            { id: 'tree', label: t('Tree') },
            { id: 'table', label: t('Table') },
          ]}
        />
        {pinned.length > 0 && <span className="text-sm text-secondary">{t('{n} pinned: only these are exported and saved', { n: pinned.length })}</span>}
      </div>
      {found.length === 0 ? (
        <p className="py-6 text-secondary">{isOver ? t('No events.') : t('No events yet. Nodes send them within seconds when some pass.')}</p>
      ) : view === 'table' ? (
        <EventTable events={drawn} nodeName={nodeName} onPin={pin} />
      ) : (
        <EventTrees events={drawn} nodeName={nodeName} onPin={pin} />
      )}
      {drawn.length < found.length && (
        <Button className="self-start" onPress={showWhole}>
          {t('Show {n} older', { n: found.length - drawn.length })}
        </Button>
      )}
      {/* eslint-disable-next-line house/open-in-address -- the events to save are in this window alone */}
      {isSaving && <SaveDialog tap={tap} events={saved(chosen)} onClose={() => setSaving(false)} />}
    </div>
  )
}

function saved(events: readonly ShownEvent[]) {
  return events.slice(0, MOST_SAVED).map(({ event, at, node_id, kind }) => ({ event: event as Record<string, unknown>, at, node_id, kind }))
}

/** How much of what passed is shown: what engines sampled, what matched, what was dropped. */
function Counts({ tap, state }: { tap: Tap; state: TapState }) {
  const sum = (name: 'taken' | 'matched' | 'dropped' | 'sent') => tap.nodes.reduce((total, node) => total + node[name], 0)
  const items = [
    t('{n} sampled by the engine', { n: formatCount(sum('taken')) }),
    t('{n} matched', { n: formatCount(sum('matched')) }),
    t('{n} sent', { n: formatCount(sum('sent')) }),
    t('{n} dropped', { n: formatCount(sum('dropped')) }),
    t('at most {n}/s from each node', { n: tap.events_per_second }),
  ]
  if (state.missed > 0) items.push(t('{n} not shown here', { n: formatCount(state.missed) }))
  const ended = tap.nodes.filter((node) => node.ended !== '')
  return (
    <div className="text-sm text-secondary tabular-nums">
      <p>{items.join(' · ')}</p>
      {ended.map((node) => (
        <p key={node.node_id}>
          {node.name}: {endedLabel(node.ended)} {visible(node.message)}
        </p>
      ))}
    </div>
  )
}
