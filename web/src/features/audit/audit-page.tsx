import type { AuditRecord } from '@/api/gen'
import { listAudit } from '@/api/gen'
import { listAuditQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { usePages } from '@/lib/use-pages'
import { Button } from '@/ui/button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'

/** Who did what in the organisation, newest first. */
export function AuditPage() {
  const { org } = useScope()
  const path = { org }
  const query = { limit: 100 }
  const list = usePages<AuditRecord>({
    queryKey: [...listAuditQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listAudit({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
  })
  const columns: Column<AuditRecord>[] = [
    { key: 'at', title: t('When'), render: (row) => <span className="whitespace-nowrap text-secondary">{formatTime(row.at)}</span> },
    { key: 'actor', title: t('Who'), render: (row) => <span className="break-words">{row.actor}</span> },
    { key: 'action', title: t('Action'), render: (row) => <span className="font-mono text-sm">{row.action}</span> },
    { key: 'summary', title: t('What'), wideOnly: true, render: (row) => <span className="[overflow-wrap:anywhere]">{row.summary}</span> },
    { key: 'sequence', title: t('Number'), align: 'right', wideOnly: true, render: (row) => row.sequence },
  ]
  return (
    <Page title={t('Audit')} subtitle={t('The organisation’s own log')}>
      {list.isPending && <LoadingState />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && <EmptyState title={t('Nothing recorded yet')} />}
      {list.items.length > 0 && <Table label={t('Audit')} columns={columns} rows={list.items} rowKey={(row) => String(row.sequence)} />}
      {list.hasNextPage && (
        <Button className="mt-3" isDisabled={list.isFetchingNextPage} onPress={() => void list.fetchNextPage()}>
          {t('Load more')}
        </Button>
      )}
    </Page>
  )
}
