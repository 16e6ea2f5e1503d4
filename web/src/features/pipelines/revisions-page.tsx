import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import type { Revision } from '@/api/gen'
import { listRevisions } from '@/api/gen'
import { getPipelineOptions, listRevisionsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { ChangeList } from '@/features/deploy/change-list'
import { useVersions } from '@/features/deploy/use-versions'
import { formatAge, formatTime, shortHash } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useTimeZone } from '@/lib/time-zone'
import { useNow } from '@/lib/now'
import { pageAt, usePages } from '@/lib/use-pages'
import { buttonClass } from '@/ui/button'
import { LazyDiff } from '@/ui/lazy-diff'
import { MoreButton } from '@/ui/more-button'
import { Page, Section } from '@/ui/page'
import { Select } from '@/ui/select'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { DeployedState } from './deployed-state'
import { PipelineTabs } from './pipeline-tabs'

/** All revisions of a pipeline, the difference between any two, and the way back to an earlier one. */
export function RevisionsPage() {
  const { org, env } = useScope()
  const { pipelineId } = useParams({ from: '/signed-in/$org/$env/pipelines/$pipelineId/revisions' })
  const path = { org, env, id: pipelineId }
  const pipeline = useQuery(getPipelineOptions({ path }))
  const revisions = usePages<Revision>({
    queryKey: [...listRevisionsQueryKey({ path }), 'pages'],
    fetchPage: async (cursor, signal) => (await listRevisions({ path, query: pageAt(cursor), signal, throwOnError: true })).data,
  })
  const { items } = revisions
  return (
    <Page
      title={pipeline.data?.name ?? t('Revisions')}
      subtitle={pipeline.data !== undefined && <DeployedState deployed={pipeline.data.deployed} />}
      actions={<PipelineTabs pipelineId={pipelineId} />}
    >
      {revisions.isPending && <LoadingState />}
      {revisions.error !== null && items.length === 0 && <ErrorState error={revisions.error} onRetry={() => void revisions.refetch()} />}
      {revisions.isSuccess && items.length === 0 && (
        <EmptyState title={t('No revisions yet')}>{t('The first deploy makes the first revision.')}</EmptyState>
      )}
      {items.length > 0 && (
        <>
          <RevisionTable rows={items} deployed={pipeline.data?.deployed?.revision ?? null} pipelineId={pipelineId} />
          <MoreButton list={revisions} />
          <Comparison revisions={items} pipelineId={pipelineId} />
        </>
      )}
    </Page>
  )
}

type RevisionTableProps = { rows: Revision[]; deployed: number | null; pipelineId: string }

function RevisionTable({ rows, deployed, pipelineId }: RevisionTableProps) {
  useTimeZone()
  const scope = useScope()
  const can = useCan()
  const now = useNow(10_000)
  const columns: Column<Revision>[] = [
    { key: 'number', title: t('Revision'), render: (row) => <span className="font-medium">{row.number}</span> },
    { key: 'message', title: t('Message'), render: (row) => <span className="[overflow-wrap:anywhere]">{row.message === '' ? '–' : row.message}</span> },
    { key: 'hash', title: t('Hash'), wideOnly: true, render: (row) => <span className="font-mono text-sm" title={row.sha256}>{shortHash(row.sha256)}</span> },
    { key: 'components', title: t('Components'), align: 'right', wideOnly: true, render: (row) => row.component_count },
    {
      key: 'made',
      title: t('Made'),
      wideOnly: true,
      render: (row) => (
        <span className="whitespace-nowrap text-secondary" title={formatTime(row.created_at)}>
          {formatAge(row.created_at, now)}
          {row.created_by !== null && ` · ${row.created_by}`}
        </span>
      ),
    },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) => (
        <div className="flex flex-wrap items-center justify-end gap-2 py-1">
          {can('pipeline.edit') && (
            <Link
              to="/$org/$env/pipelines/$pipelineId"
              params={{ ...scope, pipelineId }}
              search={{ restore: row.number }}
              className={buttonClass('quiet')}
              title={t('Brings it into the draft; nothing is saved or deployed by it')}
            >
              {t('Restore into the draft')}
            </Link>
          )}
          {row.number === deployed && <span className="px-2.5 text-good">{t('deployed')}</span>}
          {row.number !== deployed && can('pipeline.deploy') && (
            <Link to="/$org/$env/pipelines/$pipelineId/deploy" params={{ ...scope, pipelineId }} search={{ revision: row.number }} className={buttonClass('secondary')}>
              {t('Deploy this revision…')}
            </Link>
          )}
        </div>
      ),
    },
  ]
  return <Table label={t('Revisions')} columns={columns} rows={rows} rowKey={(row) => String(row.number)} />
}

function Comparison({ revisions, pipelineId }: { revisions: Revision[]; pipelineId: string }) {
  const search = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId/revisions' })
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId/revisions' })
  const newest = revisions[0]?.number ?? 1
  const from = search.from ?? String(newest)
  const to = search.to ?? 'draft'
  const versions = useVersions(pipelineId, from, to)
  const numbers = revisions.map((each) => ({ id: String(each.number), label: t('Revision {number}', { number: each.number }) }))
  const choices = [{ id: 'draft', label: t('Draft') }, ...numbers]
  const set = (change: { from?: string; to?: string }) => void navigate({ search: { from, to, ...change }, replace: true })
  const label = (id: string) => choices.find((each) => each.id === id)?.label ?? id
  return (
    <Section
      title={t('Compare')}
      aside={
        <div className="flex items-center gap-2">
          <Select label={t('From')} hideLabel value={from} choices={numbers} onChange={(id) => set({ from: id })} className="w-36" />
          <span aria-hidden>→</span>
          <Select label={t('To')} hideLabel value={to} choices={choices} onChange={(id) => set({ to: id })} className="w-36" />
        </div>
      }
    >
      {versions.isPending && <LoadingState rows={4} />}
      {versions.error !== null && <InlineError error={versions.error} />}
      {versions.data !== undefined && (
        <div className="flex flex-col gap-4">
          <ChangeList changes={versions.data.diff.changes} />
          <LazyDiff before={versions.data.before} after={versions.data.after} beforeLabel={label(from)} afterLabel={label(to)} />
        </div>
      )}
    </Section>
  )
}
