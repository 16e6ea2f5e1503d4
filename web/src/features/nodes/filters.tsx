import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { getNodeSummaryOptions, listGroupsOptions } from '@/api/gen/@tanstack/react-query.gen'
import type { NodeReason, NodeSearch, NodeStatus } from '@/app/search'
import { NODE_REASONS, NODE_STATUSES } from '@/app/search'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { SearchField, TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { reasonLabel, statusLabel } from './node-status'

const ALL = 'all'

type FiltersProps = { search: NodeSearch; onChange: (change: NodeSearch) => void }

/** Filters that the server applies; all of them stand in the address. */
export function NodeFilters({ search, onChange }: FiltersProps) {
  const path = useScope()
  const groups = useQuery(listGroupsOptions({ path }))
  const summary = useQuery(getNodeSummaryOptions({ path }))
  const counts = new Map(summary.data?.statuses.map((each) => [each.value, each.nodes]))
  const versions = summary.data?.versions.map((each) => each.value).filter((each) => each !== '') ?? []
  const isFiltered = Object.values(search).some((value) => value !== undefined)
  const pick = (value: string) => (value === ALL ? undefined : value)
  return (
    <div className="mb-3 flex flex-wrap items-end gap-2">
      <SearchField label={t('Search nodes')} className="w-52 max-sm:w-full" value={search.q ?? ''} onChange={(q) => onChange({ q: q === '' ? undefined : q })} />
      <Select
        label={t('Status')}
        hideLabel
        className="w-40 max-sm:w-[calc(50%-4px)]"
        value={search.status ?? ALL}
        onChange={(status) => onChange({ status: pick(status) as NodeStatus | undefined })}
        choices={[
          { id: ALL, label: t('Any status') },
          ...NODE_STATUSES.map((status) => ({ id: status, label: statusLabel(status), ...(counts.has(status) ? { hint: String(counts.get(status)) } : {}) })),
        ]}
      />
      <Select
        label={t('Reason')}
        hideLabel
        className="w-36 max-sm:w-[calc(50%-4px)]"
        value={search.reason ?? ALL}
        onChange={(reason) => onChange({ reason: pick(reason) as NodeReason | undefined })}
        choices={[{ id: ALL, label: t('Any reason') }, ...NODE_REASONS.map((reason) => ({ id: reason, label: reasonLabel(reason) }))]}
      />
      <Select
        label={t('Group')}
        hideLabel
        className="w-36 max-sm:w-[calc(50%-4px)]"
        value={search.group ?? ALL}
        onChange={(group) => onChange({ group: pick(group) })}
        choices={[{ id: ALL, label: t('Any group') }, ...(groups.data?.items ?? []).map(({ id, name }) => ({ id, label: name }))]}
      />
      <Select
        label={t('Agent version')}
        hideLabel
        className="w-32 max-sm:w-[calc(50%-4px)]"
        value={search.version ?? ALL}
        onChange={(version) => onChange({ version: pick(version) })}
        choices={[{ id: ALL, label: t('Any version') }, ...versions.map((id) => ({ id, label: id }))]}
      />
      <SelectorField key={search.selector ?? ''} value={search.selector ?? ''} onChange={(selector) => onChange({ selector })} />
      {isFiltered && (
        <Button
          onPress={() =>
            onChange({
              q: undefined,
              status: undefined,
              reason: undefined,
              group: undefined,
              selector: undefined,
              version: undefined,
              maintenance: undefined,
              duplicates: undefined,
            })
          }
        >
          {t('Clear')}
        </Button>
      )}
    </div>
  )
}

/** A selector counts once it is finished: with Enter. Half of one would only be refused. */
function SelectorField({ value, onChange }: { value: string; onChange: (value: string | undefined) => void }) {
  const [text, setText] = useState(value)
  return (
    <form
      className="w-52 max-sm:w-full"
      onSubmit={(event) => {
        event.preventDefault()
        onChange(text.trim() === '' ? undefined : text.trim())
      }}
    >
      <TextField label={t('Labels')} hideLabel mono value={text} onChange={setText} placeholder={t('env=prod, !canary ⏎')} />
    </form>
  )
}
