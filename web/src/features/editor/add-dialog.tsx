import { useState } from 'react'
import { Autocomplete, Input, ListBox, ListBoxItem, SearchField as AriaSearchField } from 'react-aria-components'
import { t } from '@/lib/i18n'
import { Dialog } from '@/ui/dialog'
import { INPUT_CLASS } from '@/ui/field'
import { ITEM_CLASS } from '@/ui/select'
import { KIND_ICONS, KIND_TINTS } from './canvas/component-card'
import { useEditor, useEditorState } from './context'
import { portLabel } from './graph/connect'
import { fitsAfter, fitsBefore, fitsOnEdge } from './graph/insert'
import type { Point } from './graph/operations'
import type { ComponentSpec, Document, SpecIndex } from './graph/types'
import { edgeKey } from './graph/types'
import { usedRank, useChosenTypes } from './chosen-types'
import { specMatches } from './palette'

/** Where a new component goes: on its own, behind an output, or onto an edge. */
export type AddPlace =
  | { kind: 'free' }
  | { kind: 'after'; source: string; port: string; at?: Point }
  | { kind: 'before'; target: string; at?: Point }
  | { kind: 'edge'; key: string }

function candidates(document: Document, specs: SpecIndex, place: AddPlace): ComponentSpec[] {
  const all = specs.all.filter((spec) => spec.removed == null)
  if (place.kind === 'free') return all
  if (place.kind === 'after') return all.filter((spec) => fitsAfter(document, specs, spec, place))
  if (place.kind === 'before') return all.filter((spec) => fitsBefore(document, specs, spec, place.target))
  const edge = document.edges.find((each) => edgeKey(each) === place.key)
  return edge === undefined ? [] : all.filter((spec) => fitsOnEdge(document, specs, spec, edge))
}

function titleOf(place: AddPlace): string {
  if (place.kind === 'after') return t('Add after {id} ({port})', { id: place.source, port: portLabel(place.port) })
  if (place.kind === 'before') return t('Add before {id}', { id: place.target })
  if (place.kind === 'edge') return t('Add between {ends}', { ends: place.key.replace('._default', '').replace('>', ' → ') })
  return t('Add a component')
}

type AddDialogProps = { place: AddPlace | null; onClose: () => void; onAdd: (spec: ComponentSpec, place: AddPlace) => void }

/** Finds a component by typing; only what fits the place is offered. */
export function AddDialog({ place, onClose, onAdd }: AddDialogProps) {
  const { specs } = useEditor()
  const graph = useEditorState((state) => state.draft.document)
  const [query, setQuery] = useState('')
  const close = () => {
    setQuery('')
    onClose()
  }
  const choose = (key: string) => {
    const spec = specs.all.find((each) => `${each.kind}/${each.type}` === key)
    if (spec !== undefined && place !== null) onAdd(spec, place)
    close()
  }
  const found = place === null ? [] : candidates(graph, specs, place).filter((spec) => specMatches(spec, query))
  const { recent, favourites } = useChosenTypes()
  // The name itself beats a mention in the help; without words, what somebody uses comes first.
  const rank = (spec: ComponentSpec) => (query === '' ? usedRank(spec, recent, favourites) : spec.type.startsWith(query) ? 0 : 1)
  const items = found.sort((a, b) => rank(a) - rank(b))
  return (
    <Dialog title={place === null ? '' : titleOf(place)} isOpen={place !== null} onClose={close}>
      <Autocomplete inputValue={query} onInputChange={setQuery}>
        <AriaSearchField aria-label={t('Search components')} autoFocus>
          <Input className={`${INPUT_CLASS} h-8`} placeholder={t('Type a name, e.g. filter')} />
        </AriaSearchField>
        <ListBox
          aria-label={t('Components')}
          items={items.map((spec) => ({ id: `${spec.kind}/${spec.type}`, spec }))}
          onAction={(key) => choose(String(key))}
          renderEmptyState={() => <p className="p-2 text-secondary">{t('Nothing that fits here matches.')}</p>}
          className="mt-2 h-80 overflow-auto outline-none"
        >
          {({ id, spec }) => {
            const Icon = KIND_ICONS[spec.kind]
            return (
              <ListBoxItem id={id} textValue={spec.title} className={ITEM_CLASS}>
                <span className={`flex size-6 shrink-0 items-center justify-center rounded-md ${KIND_TINTS[spec.kind]}`}>
                  <Icon aria-hidden size={13} />
                </span>
                <span className="min-w-0">
                  <span className="font-medium">{spec.title}</span> <span className="font-mono text-sm text-secondary">{spec.type}</span>
                  <span className="block truncate text-sm text-secondary">{spec.help}</span>
                </span>
              </ListBoxItem>
            )
          }}
        </ListBox>
      </Autocomplete>
    </Dialog>
  )
}
