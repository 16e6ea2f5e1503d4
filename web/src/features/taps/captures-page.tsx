import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Capture } from '@/api/gen'
import { eraseCapture, listCaptures } from '@/api/gen'
import { listCapturesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog, useRowQuestion } from '@/app/dialogs'
import { Lost } from '@/app/linked'
import { useScope } from '@/app/scope'
import { formatAge, formatCount, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { usePages } from '@/lib/use-pages'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { MoreButton } from '@/ui/more-button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { CaptureDialog } from './capture-dialog'

/** Events that somebody kept: what, why, by whom and until when. */
export function CapturesPage() {
  const { org, env } = useScope()
  const path = { org, env }
  const now = useNow(30_000)
  const query = { limit: 50 }
  const list = usePages<Capture>({
    queryKey: [...listCapturesQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listCaptures({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
  })
  const shown = useDialog('capture')
  // To read one by its id is to open it, which the log would tell; an environment has no more than these.
  const one = async (id: string) => {
    const { items } = (await listCaptures({ path, query: { limit: 200 }, throwOnError: true })).data
    return items.find((each) => each.id === id) ?? Promise.reject(new Lost('missing'))
  }
  const erased = useRowQuestion('erase', list.isSuccess ? list.items : undefined, { one })
  const columns: Column<Capture>[] = [
    {
      key: 'name',
      title: t('Name'),
      render: (row) => (
        <div className="py-1.5">
          <button type="button" onClick={() => shown.open(row.id)} className="cursor-pointer text-left font-medium [overflow-wrap:anywhere] hover:underline">
            {row.name}
          </button>
          <div className="text-sm text-secondary [overflow-wrap:anywhere]">{row.reason}</div>
        </div>
      ),
    },
    {
      key: 'output',
      title: t('Output'),
      render: (row) => (
        <Link to="/$org/$env/pipelines/$pipelineId" params={{ org, env, pipelineId: row.pipeline_id }} search={{ component: row.component }} className="font-mono text-sm hover:underline">
          {row.port === '' ? row.component : `${row.component}.${row.port}`}
        </Link>
      ),
    },
    { key: 'events', title: t('Events'), align: 'right', render: (row) => formatCount(row.events) },
    { key: 'by', title: t('Saved by'), wideOnly: true, render: (row) => row.created_by },
    { key: 'at', title: t('Saved'), wideOnly: true, render: (row) => <span title={formatTime(row.created_at)}>{formatAge(row.created_at, now)}</span> },
    { key: 'until', title: t('Kept until'), wideOnly: true, render: (row) => formatTime(row.expires_at) },
    {
      key: 'erase',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) => (
        <Button variant="danger" onPress={() => erased.open(row)}>
          {t('Erase…')}
        </Button>
      ),
    },
  ]
  return (
    <Page title={t('Captures')} subtitle={t('Events that were saved from taps, encrypted and for a time.')}>
      {list.error !== null ? (
        <ErrorState error={list.error} onRetry={() => void list.refetch()} />
      ) : list.isPending ? (
        <LoadingState />
      ) : list.items.length === 0 ? (
        <EmptyState title={t('No captures')}>
          {t('Tap an output in the editor or on a node, and save events that are worth keeping. Programs can then be tried on them.')}
        </EmptyState>
      ) : (
        <Table label={t('Captures')} columns={columns} rows={list.items} rowKey={(row) => row.id} />
      )}
      <MoreButton list={list} />
      {shown.of !== undefined && <CaptureDialog id={shown.of} name={list.items.find((each) => each.id === shown.of)?.name} onClose={shown.close} />}
      {erased.row !== null && <EraseDialog key={erased.row.id} capture={erased.row} onClose={erased.close} />}
    </Page>
  )
}

function EraseDialog({ capture, onClose }: { capture: Capture; onClose: () => void }) {
  const path = useScope()
  const queryClient = useQueryClient()
  const erase = useMutation({
    mutationFn: async () => {
      await eraseCapture({ path: { ...path, id: capture.id }, throwOnError: true })
    },
    onSuccess: onClose,
    onSettled: () => void queryClient.invalidateQueries({ queryKey: listCapturesQueryKey({ path }).slice(0, 1) }),
  })
  return (
    <ConfirmDialog isOpen onClose={onClose} title={t('Erase {name}?', { name: capture.name })} confirmLabel={t('Erase')} isPending={erase.isPending} onConfirm={() => erase.mutate()}>
      <p>{t('Its events are gone for good.')}</p>
      {erase.error !== null && <InlineError error={erase.error} />}
    </ConfirmDialog>
  )
}
