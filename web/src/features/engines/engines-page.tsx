import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { EngineSchema } from '@/api/gen'
import { confirmEngineSchema, deleteEngineSchema, getEngineSchema, listEngineSchemas } from '@/api/gen'
import { listEngineSchemasQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { usePages } from '@/lib/use-pages'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { MoreButton } from '@/ui/more-button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notify } from '@/ui/toast'

type DeedProps = { kind: 'confirm' | 'delete'; schema: EngineSchema; onClose: () => void }

/** What the nodes' own engines say of themselves, and whether checks go by it. */
export function EnginesPage() {
  const { org } = useScope()
  const path = { org }
  const query = { limit: 100 }
  const can = useCan()
  const now = useNow(30_000)
  const list = usePages<EngineSchema>({
    queryKey: [...listEngineSchemasQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listEngineSchemas({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
  })
  const mayManage = can('engine.manage')
  const rows = list.isSuccess ? list.items : undefined
  const one = async (id: string) => (await getEngineSchema({ path: { ...path, id }, throwOnError: true })).data
  const confirming = useRowQuestion('confirm', rows, { one })
  const forgetting = useRowQuestion('forget', rows, { one })
  const columns: Column<EngineSchema>[] = [
    { key: 'version', title: t('Vector'), render: (row) => <span className="font-medium tabular-nums">{row.version}</span> },
    { key: 'state', title: t('Checks'), render: (row) => <Standing schema={row} /> },
    {
      key: 'digest',
      title: t('Program'),
      wideOnly: true,
      render: (row) => (
        <span className="font-mono text-sm text-secondary" title={row.digest}>
          {row.digest.slice(0, 19)}…
        </span>
      ),
    },
    { key: 'nodes', title: t('Described by'), align: 'right', wideOnly: true, render: (row) => t('{count, plural, one {# node} other {# nodes}}', { count: row.nodes }) },
    { key: 'first', title: t('First heard'), wideOnly: true, render: (row) => <span className="text-secondary">{formatAge(row.first_at, now)}</span> },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        mayManage && (
          <span className="inline-flex gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
            {!row.confirmed && <Button onPress={() => confirming.open(row)}>{t('Confirm…')}</Button>}
            <Button variant="danger" onPress={() => forgetting.open(row)}>
              {t('Forget…')}
            </Button>
          </span>
        ),
    },
  ]
  return (
    <Page title={t('Engines')} subtitle={t('What your nodes’ own Vector binaries know; documents are checked against each of them')}>
      {list.isPending && <LoadingState />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && (
        <EmptyState title={t('No engine has described itself yet')}>
          {t('A node with Vector is asked within a minute of its first heartbeat. Until then the built-in catalogue judges; the embedded engine is not asked.')}
        </EmptyState>
      )}
      {list.items.length > 0 && <Table label={t('Engines')} columns={columns} rows={list.items} rowKey={(row) => row.id} />}
      <MoreButton list={list} />
      {confirming.row !== null && <DeedDialog kind="confirm" schema={confirming.row} onClose={confirming.close} />}
      {forgetting.row !== null && <DeedDialog kind="delete" schema={forgetting.row} onClose={forgetting.close} />}
    </Page>
  )
}

function Standing({ schema }: { schema: EngineSchema }) {
  if (schema.confirmed) {
    const by = schema.confirmed_by === 'nodes' ? t('two nodes agree') : t('confirmed by {name}', { name: schema.confirmed_by_name ?? '' })
    return (
      <span className="inline-flex flex-wrap items-center gap-x-2">
        <StateBadge tone="good" label={t('go by it')} />
        <span className="text-sm text-secondary">{by}</span>
      </span>
    )
  }
  if (schema.rivals > 0) return <StateBadge tone="warn" label={t('accounts differ')} />
  return <StateBadge tone="unknown" label={t('advice only')} />
}

function DeedDialog({ kind, schema, onClose }: DeedProps) {
  const { org } = useScope()
  const queryClient = useQueryClient()
  const isConfirm = kind === 'confirm'
  const run = useMutation({
    mutationFn: async () => {
      const call = { path: { org, id: schema.id }, headers: { 'If-Match': schema.etag }, throwOnError: true as const }
      if (isConfirm) await confirmEngineSchema(call)
      else await deleteEngineSchema(call)
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listEngineSchemasQueryKey({ path: { org } }).slice(0, 1) })
      notify(isConfirm ? t('Checks go by this engine now.') : t('The account was forgotten.'))
      onClose()
    },
  })
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={isConfirm ? t('Let checks go by this Vector {version}?', { version: schema.version }) : t('Forget this account of Vector {version}?', { version: schema.version })}
      confirmLabel={isConfirm ? t('Confirm') : t('Forget')}
      isPending={run.isPending}
      onConfirm={() => run.mutate()}
    >
      <p>
        {isConfirm
          ? t('It then takes the place of the built-in catalogue for nodes with this program. Compare the digest with the one of the release you installed.')
          : t('Nodes with this program will be asked again.')}
      </p>
      <p className="mt-2 font-mono text-sm [overflow-wrap:anywhere] text-secondary">{schema.digest}</p>
      {run.error !== null && <InlineError error={run.error} />}
    </ConfirmDialog>
  )
}
