import { useQuery } from '@tanstack/react-query'
import { getAuditFacetsOptions } from '@/api/gen/@tanstack/react-query.gen'
import type { AuditSearch } from '@/app/search'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { SearchField, TextField } from '@/ui/field'
import type { Choice } from '@/ui/select'
import { Select } from '@/ui/select'

const ALL = '*'

type FiltersProps = {
  org: string
  search: AuditSearch
  onChange: (change: Partial<AuditSearch>) => void
}

/** What narrows the log down; all of it stands in the address. */
export function AuditFilters({ org, search, onChange }: FiltersProps) {
  const facets = useQuery({ ...getAuditFacetsOptions({ path: { org } }), staleTime: 30_000 })
  const values = (all: string, list: string[] | undefined, chosen: string | undefined): Choice[] => [
    { id: ALL, label: all },
    ...[...new Set([...(list ?? []), ...(chosen === undefined ? [] : [chosen])])].map((id) => ({ id, label: id })),
  ]
  const actors = facets.data?.actors ?? []
  const known = search.actor === undefined || actors.some((actor) => actor.id === search.actor)
  const people: Choice[] = [
    { id: ALL, label: t('Anybody') },
    ...actors.map((actor) => ({ id: actor.id, label: actor.name })),
    ...(known ? [] : [{ id: search.actor ?? '', label: search.actor ?? '' }]),
  ]
  const picked = (value: string) => (value === ALL ? undefined : value)
  const isFiltered = Object.entries(search).some(([name, value]) => name !== 'record' && value !== undefined)
  const clear = { q: undefined, actor: undefined, action: undefined, type: undefined, object: undefined, from: undefined, to: undefined }
  return (
    <div role="search" aria-label={t('Filter the log')} className="mb-3 flex flex-wrap items-end gap-2">
      <SearchField label={t('Search the text')} className="w-48 max-sm:w-full" value={search.q ?? ''} onChange={(q) => onChange({ q: q === '' ? undefined : q })} />
      <Select label={t('Who')} hideLabel className="w-32 max-sm:flex-1" value={search.actor ?? ALL} choices={people} onChange={(value) => onChange({ actor: picked(value) })} />
      <Select label={t('Action')} hideLabel className="w-40 max-sm:flex-1" value={search.action ?? ALL} choices={values(t('Any action'), facets.data?.actions, search.action)} onChange={(value) => onChange({ action: picked(value) })} />
      <Select label={t('Type of object')} hideLabel className="w-32 max-sm:flex-1" value={search.type ?? ALL} choices={values(t('Any object'), facets.data?.object_types, search.type)} onChange={(value) => onChange({ type: picked(value) })} />
      <TextField label={t('Id of the object')} hideLabel placeholder={t('Id of the object')} value={search.object ?? ''} onChange={(object) => onChange({ object: object === '' ? undefined : object })} />
      <div className="flex gap-2">
        <TextField label={t('From day')} type="date" value={search.from ?? ''} onChange={(from) => onChange({ from: from === '' ? undefined : from })} />
        <TextField label={t('To day')} type="date" value={search.to ?? ''} onChange={(to) => onChange({ to: to === '' ? undefined : to })} />
      </div>
      {isFiltered && (
        <Button variant="quiet" onPress={() => onChange(clear)}>
          {t('Clear')}
        </Button>
      )}
    </div>
  )
}
