import { useNavigate, useRouter, useSearch } from '@tanstack/react-router'
import { Download } from 'lucide-react'
import type { ReactNode } from 'react'
import { Fragment } from 'react'
import type { AuditRecord } from '@/api/gen'
import { getAuditRecord, listAudit } from '@/api/gen'
import { listAuditQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { leavePlace, useDialog } from '@/app/dialogs'
import { recordPlace, useLinked } from '@/app/linked'
import type { AuditSearch } from '@/app/search'
import { useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { usePages } from '@/lib/use-pages'
import { Button } from '@/ui/button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { ExportDialog } from './export-dialog'
import { AuditFilters } from './filters'
import { ProofNote } from './proof-note'
import { queryOf } from './query'
import { RecordDialog } from './record-dialog'

/** Who did what in the organisation, newest first, and how far that is proved. */
export function AuditPage() {
  const { org } = useScope()
  const search = useSearch({ from: '/signed-in/$org/$env/audit' })
  const navigate = useNavigate({ from: '/$org/$env/audit' })
  const router = useRouter()
  const exporting = useDialog('export')
  const path = { org }
  const filter = queryOf(search)
  const query = { ...filter, limit: 100 }
  const list = usePages<AuditRecord>({
    queryKey: [...listAuditQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listAudit({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
  })
  const set = (change: Partial<AuditSearch>) => void navigate({ search: { ...search, ...change }, replace: true })
  const show = (record: number) => void navigate({ search: { ...search, record }, state: { opened: true }, resetScroll: false })
  const isFiltered = Object.keys(filter).length > 0
  const listed = list.items.find((item) => item.sequence === search.record)
  const named = search.record === undefined ? null : recordPlace(search.record)
  const linked = useLinked(list.isSuccess && listed === undefined ? named : null, async () =>
    (await getAuditRecord({ path: { org, number: search.record ?? 0 }, throwOnError: true })).data,
  )
  const open = listed ?? linked
  const columns: Column<AuditRecord>[] = [
    {
      key: 'at',
      title: t('When'),
      render: (row) => (
        <>
          <span className="whitespace-nowrap text-secondary max-sm:text-sm">{formatTime(row.at)}</span>
          <span className="block [overflow-wrap:anywhere] sm:hidden">{row.actor}</span>
        </>
      ),
    },
    { key: 'actor', title: t('Who'), wideOnly: true, render: (row) => <span className="block min-w-24 [overflow-wrap:anywhere]">{row.actor}</span> },
    {
      key: 'action',
      title: t('Action'),
      render: (row) => (
        <Button variant="quiet" className="-ml-2 h-auto! min-h-7 max-w-full font-mono text-sm font-normal! [overflow-wrap:anywhere] whitespace-normal! text-left pointer-coarse:min-h-10" onPress={() => show(row.sequence)}>
          <span className="max-sm:hidden">{breakable(row.action)}</span>
          <span className="font-sans sm:hidden">{row.summary}</span>
        </Button>
      ),
    },
    { key: 'summary', title: t('What'), wideOnly: true, render: (row) => <span className="[overflow-wrap:anywhere]">{row.summary}</span> },
    { key: 'sequence', title: t('Number'), align: 'right', wideOnly: true, render: (row) => row.sequence },
  ]
  return (
    <Page
      title={t('Audit')}
      subtitle={t('The organisation’s own log')}
      actions={
        <Button onPress={() => exporting.open()}>
          <Download aria-hidden size={14} />
          {t('Export')}
        </Button>
      }
    >
      <ProofNote org={org} />
      <AuditFilters org={org} search={search} onChange={set} />
      {list.isPending && <LoadingState />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && !list.hasNextPage && (
        <EmptyState title={isFiltered ? t('No record matches') : t('Nothing recorded yet')}>{isFiltered && t('Change or clear the filters.')}</EmptyState>
      )}
      {list.items.length > 0 && <Table label={t('Audit')} columns={columns} rows={list.items} rowKey={(row) => String(row.sequence)} />}
      {list.hasNextPage && (
        <div className="mt-3 flex flex-wrap items-center gap-3">
          <Button isDisabled={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
            {search.q === undefined ? t('Load more') : t('Search older records')}
          </Button>
          {search.q !== undefined && <span className="text-secondary">{t('Each page looks through 20,000 records for the text.')}</span>}
        </div>
      )}
      {open !== undefined && named !== null && <RecordDialog record={open} onClose={() => leavePlace(router, named)} onFilter={(change) => set({ ...change, record: undefined })} />}
      <ExportDialog org={org} filter={filter} isOpen={exporting.isOpen} onClose={exporting.close} />
    </Page>
  )
}

/** The name of an action, which may break after its dots and underscores and nowhere else while there is room. */
function breakable(name: string): ReactNode {
  return name.split(/(?<=[._])/).map((part, index) => (
    <Fragment key={`${index}${part}`}>
      {index > 0 && <wbr />}
      {part}
    </Fragment>
  ))
}
