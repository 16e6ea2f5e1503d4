import { ChevronRight, Star } from 'lucide-react'
import { useMemo, useState } from 'react'
import { t } from '@/lib/i18n'
import { heading } from '@/lib/words'
import { SearchField } from '@/ui/field'
import { DRAG_TYPE } from './canvas/canvas'
import { KIND_ICONS, KIND_TINTS } from './canvas/component-card'
import { toggleFavourite, typeKey, useChosenTypes } from './chosen-types'
import { useEditor, useEditorState } from './context'
import type { ComponentSpec, Kind } from './graph/types'

const KINDS: Kind[] = ['source', 'transform', 'sink']

/** The heading of a kind of component. */
export function kindTitle(kind: Kind): string {
  return { source: t('Sources'), transform: t('Transforms'), sink: t('Sinks') }[kind]
}

/** Whether all words of a query occur in what is known about a type. */
export function specMatches(spec: ComponentSpec, query: string): boolean {
  const words = `${spec.type} ${spec.title} ${spec.help} ${spec.category}`.toLowerCase()
  return query
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word))
}

function grouped(specs: readonly ComponentSpec[], kind: Kind): [string, ComponentSpec[]][] {
  const groups = new Map<string, ComponentSpec[]>()
  for (const spec of specs) {
    if (spec.kind === kind) groups.set(spec.category, [...(groups.get(spec.category) ?? []), spec])
  }
  return [...groups].sort(([a], [b]) => a.localeCompare(b))
}

/** All types of component, to drag onto the canvas or an edge, or to click. */
export function Palette({ onAdd }: { onAdd: (spec: ComponentSpec) => void }) {
  const { specs } = useEditor()
  const [query, setQuery] = useState('')
  const { recent, favourites } = useChosenTypes()
  const isEmpty = useEditorState((state) => state.draft.document.components.length === 0)
  const found = useMemo(() => specs.all.filter((spec) => spec.removed == null && specMatches(spec, query)), [specs, query])
  const byKey = (keys: readonly string[]) => keys.flatMap((key) => specs.all.filter((spec) => typeKey(spec) === key && spec.removed == null))
  const starred = byKey(favourites)
  const used = byKey(recent.filter((key) => !favourites.includes(key)))
  return (
    <section aria-label={t('Palette')} className="flex h-full min-h-0 flex-col gap-2 bg-background p-2">
      <SearchField label={t('Find component')} value={query} onChange={setQuery} />
      <div className="min-h-0 flex-1 overflow-auto">
        {query === '' && starred.length > 0 && <Shelf title={t('Favourites')} specs={starred} onAdd={onAdd} />}
        {query === '' && used.length > 0 && <Shelf title={t('Recent')} specs={used} onAdd={onAdd} />}
        {KINDS.map((kind) => (
          <KindSection key={kind} kind={kind} groups={grouped(found, kind)} forceOpen={query !== ''} startsOpen={kind === (isEmpty ? 'source' : 'transform')} onAdd={onAdd} />
        ))}
        {found.length === 0 && <p className="p-2 text-secondary">{t('No component matches {query}.', { query })}</p>}
      </div>
    </section>
  )
}

function Shelf({ title, specs, onAdd }: { title: string; specs: ComponentSpec[]; onAdd: (spec: ComponentSpec) => void }) {
  return (
    <div className="mb-2">
      <h3 className="px-2 py-1 text-sm text-secondary">{title}</h3>
      {specs.map((spec) => (
        <PaletteItem key={typeKey(spec)} spec={spec} onAdd={onAdd} />
      ))}
    </div>
  )
}

type KindSectionProps = {
  kind: Kind
  groups: [string, ComponentSpec[]][]
  forceOpen: boolean
  startsOpen: boolean
  onAdd: (spec: ComponentSpec) => void
}

function KindSection({ kind, groups, forceOpen, startsOpen, onAdd }: KindSectionProps) {
  const [chosen, setChosen] = useState(startsOpen)
  const open = forceOpen || chosen
  if (groups.length === 0) return null
  const count = groups.reduce((sum, [, specs]) => sum + specs.length, 0)
  return (
    <div className="mb-1">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setChosen(!chosen)}
        className="flex h-7 w-full cursor-pointer items-center gap-1 rounded-md px-1 font-medium hover:bg-hover"
      >
        <ChevronRight aria-hidden size={14} className={`text-secondary ${open ? 'rotate-90' : ''}`} />
        <span className="flex-1 text-left">{kindTitle(kind)}</span>
        <span className="text-sm text-secondary tabular-nums">{count}</span>
      </button>
      {open &&
        groups.map(([category, specs]) => (
          <div key={category} className="mb-1.5">
            <div className="px-2 pt-1 text-sm text-secondary">{heading(category)}</div>
            {specs.map((spec) => (
              <PaletteItem key={spec.type} spec={spec} onAdd={onAdd} />
            ))}
          </div>
        ))}
    </div>
  )
}

function PaletteItem({ spec, onAdd }: { spec: ComponentSpec; onAdd: (spec: ComponentSpec) => void }) {
  const Icon = KIND_ICONS[spec.kind]
  const isFavourite = useChosenTypes().favourites.includes(typeKey(spec))
  return (
    <div className="group/item flex items-center rounded-md hover:bg-hover">
      <button
        type="button"
        draggable
        title={spec.help}
        data-palette={typeKey(spec)}
        onDragStart={(event) => {
          event.dataTransfer.setData(DRAG_TYPE, typeKey(spec))
          event.dataTransfer.effectAllowed = 'copy'
        }}
        onClick={() => onAdd(spec)}
        className="flex h-7 min-w-0 flex-1 cursor-grab items-center gap-2 rounded-md px-2 text-left"
      >
        <span className={`flex size-5 shrink-0 items-center justify-center rounded-sm ${KIND_TINTS[spec.kind]}`}>
          <Icon aria-hidden size={12} />
        </span>
        <span className="min-w-0 truncate">{spec.title}</span>
      </button>
      <button
        type="button"
        aria-pressed={isFavourite}
        aria-label={t('Favourite: {title}', { title: spec.title })}
        onClick={() => toggleFavourite(spec)}
        className={`flex size-6 shrink-0 cursor-pointer items-center justify-center rounded-md text-secondary group-hover/item:opacity-100 hover:text-text focus-visible:opacity-100 ${isFavourite ? 'text-warn' : 'opacity-0'}`}
      >
        <Star aria-hidden size={13} fill={isFavourite ? 'currentColor' : 'none'} />
      </button>
    </div>
  )
}
