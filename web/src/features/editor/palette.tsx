import { ChevronRight } from 'lucide-react'
import { useMemo, useState } from 'react'
import { t } from '@/lib/i18n'
import { SearchField } from '@/ui/field'
import { DRAG_TYPE } from './canvas/canvas'
import { KIND_ICONS, KIND_TINTS } from './canvas/component-card'
import { useEditor } from './context'
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
  const found = useMemo(() => specs.all.filter((spec) => spec.removed == null && specMatches(spec, query)), [specs, query])
  return (
    <section aria-label={t('Palette')} className="flex h-full min-h-0 flex-col gap-2 bg-background p-2">
      <SearchField label={t('Find component')} value={query} onChange={setQuery} />
      <div className="min-h-0 flex-1 overflow-auto">
        {KINDS.map((kind) => (
          <KindSection key={kind} kind={kind} groups={grouped(found, kind)} forceOpen={query !== ''} onAdd={onAdd} />
        ))}
        {found.length === 0 && <p className="p-2 text-secondary">{t('No component matches {query}.', { query })}</p>}
      </div>
    </section>
  )
}

type KindSectionProps = {
  kind: Kind
  groups: [string, ComponentSpec[]][]
  forceOpen: boolean
  onAdd: (spec: ComponentSpec) => void
}

function KindSection({ kind, groups, forceOpen, onAdd }: KindSectionProps) {
  const [chosen, setChosen] = useState(kind === 'transform')
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
            <div className="px-2 pt-1 text-sm text-secondary">{category}</div>
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
  return (
    <button
      type="button"
      draggable
      title={spec.help}
      data-palette={`${spec.kind}/${spec.type}`}
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAG_TYPE, `${spec.kind}/${spec.type}`)
        event.dataTransfer.effectAllowed = 'copy'
      }}
      onClick={() => onAdd(spec)}
      className="flex h-7 w-full cursor-grab items-center gap-2 rounded-md px-2 text-left hover:bg-hover"
    >
      <span className={`flex size-5 shrink-0 items-center justify-center rounded-sm ${KIND_TINTS[spec.kind]}`}>
        <Icon aria-hidden size={12} />
      </span>
      <span className="min-w-0 truncate">{spec.title}</span>
    </button>
  )
}
