import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Pause, Play } from 'lucide-react'
import { useState } from 'react'
import { getNodeOptions, listPipelinesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { SearchField, TextField } from '@/ui/field'
import { MoreButton } from '@/ui/more-button'
import { Page } from '@/ui/page'
import { Select } from '@/ui/select'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import { LogLines } from './log-lines'
import type { LogsSearch } from './search'
import { LOG_LEVELS, logsSearch } from './search'
import { useLogLines } from './use-log-lines'
import { levelLabel } from './words'

const ALL = '*'

/** What agents and engines of the environment say, newest first, as it arrives. */
export function LogsPage() {
  const search = logsSearch(useSearch({ from: '/signed-in/$org/$env/logs' }))
  const navigate = useNavigate({ from: '/$org/$env/logs' })
  const [follow, setFollow] = useState(true)
  const set = (change: Partial<LogsSearch>) => void navigate({ search: { ...search, ...change }, replace: true })
  const filter = Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as LogsSearch
  const isFiltered = Object.keys(filter).length > 0
  const list = useLogLines({ ...filter, limit: 100 }, follow)
  const toggle = () => {
    setFollow(!follow)
    list.seen()
    if (!follow) void list.refetch()
  }
  return (
    <Page
      title={t('Logs')}
      subtitle={t('What agents and engines say; events stay on the nodes')}
      actions={
        <Button onPress={toggle}>
          {follow ? <Pause aria-hidden size={14} /> : <Play aria-hidden size={14} />}
          {follow ? t('Pause') : list.hasNews ? t('Show new lines') : t('Follow')}
        </Button>
      }
    >
      <LogFilters search={search} isFiltered={isFiltered} onChange={set} />
      {list.isPending && <LoadingState />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && (
        <EmptyState title={isFiltered ? t('No line matches') : t('Nothing was said yet')}>
          {isFiltered
            ? t('Change or clear the filters.')
            : t('Nodes send warnings and errors. To see more of one, set its log level on its page for a while.')}
        </EmptyState>
      )}
      {list.items.length > 0 && <LogLines lines={list.items} />}
      <MoreButton list={list} />
    </Page>
  )
}

type FiltersProps = { search: LogsSearch; isFiltered: boolean; onChange: (change: Partial<LogsSearch>) => void }

function LogFilters({ search, isFiltered, onChange }: FiltersProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const pipelines = useQuery(listPipelinesOptions({ path, query: { limit: 200 } }))
  const node = useQuery({ ...getNodeOptions({ path: { ...path, id: search.node ?? '' } }), enabled: search.node !== undefined })
  const given = (value: string) => (value === '' ? undefined : value)
  const clear = { q: undefined, node: undefined, pipeline: undefined, component: undefined, level: undefined }
  return (
    <div role="search" aria-label={t('Filter the lines')} className="mb-3 flex flex-wrap items-end gap-2">
      <SearchField label={t('Search the text')} className="w-56 max-sm:w-full" value={search.q ?? ''} onChange={(q) => onChange({ q: given(q) })} />
      <Select
        label={t('Level')}
        hideLabel
        className="w-44 max-sm:flex-1"
        value={search.level ?? ALL}
        choices={[{ id: ALL, label: t('Any level') }, ...LOG_LEVELS.map((level) => ({ id: level, label: t('{level} and worse', { level: levelLabel(level) }) }))]}
        onChange={(level) => onChange({ level: LOG_LEVELS.find((each) => each === level) })}
      />
      <Select
        label={t('Pipeline')}
        hideLabel
        className="w-48 max-sm:flex-1"
        value={search.pipeline ?? ALL}
        choices={[{ id: ALL, label: t('Any pipeline') }, ...(pipelines.data?.items ?? []).map(({ id, name }) => ({ id, label: name }))]}
        onChange={(pipeline) => onChange({ pipeline: pipeline === ALL ? undefined : pipeline })}
      />
      <TextField label={t('Component')} hideLabel placeholder={t('Component')} value={search.component ?? ''} onChange={(component) => onChange({ component: given(component) })} />
      {search.node !== undefined && (
        <Button variant="quiet" onPress={() => onChange({ node: undefined })}>
          {t('Only node {name}: show all', { name: node.data?.name ?? '…' })}
        </Button>
      )}
      {isFiltered && (
        <Button variant="quiet" onPress={() => onChange(clear)}>
          {t('Clear')}
        </Button>
      )}
    </div>
  )
}
