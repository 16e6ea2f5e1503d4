import { Link, useSearch } from '@tanstack/react-router'
import { FileInput, LayoutTemplate, Plus } from 'lucide-react'
import { useState } from 'react'
import type { PipelineSummary } from '@/api/gen'
import { listPipelines } from '@/api/gen'
import { listPipelinesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { usePages } from '@/lib/use-pages'
import { Tag } from '@/ui/badge'
import { Button, buttonClass } from '@/ui/button'
import { MoreButton } from '@/ui/more-button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { BulkBar } from './bulk-bar'
import { CreateDialog } from './create-dialog'
import { DeployedState } from './deployed-state'
import { filterOf, ListFilters } from './list-filters'
import type { AskAbout } from './pipeline-menu'
import { PipelineMenu, usePipelineDialogs } from './pipeline-menu'

const REFRESH_MS = 15_000

/** All pipelines of an environment, with what runs of each. */
export function PipelineListPage() {
  const { org, env } = useScope()
  const can = useCan()
  const search = filterOf(useSearch({ from: '/signed-in/$org/$env/pipelines' }))
  const filtered = Object.keys(search).length > 0
  const path = { org, env }
  const query = { ...search, limit: 100 }
  const list = usePages<PipelineSummary>({
    queryKey: [...listPipelinesQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listPipelines({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
    refetchInterval: REFRESH_MS,
  })
  const canEdit = can('pipeline.edit')
  const creating = useDialog('new-pipeline', canEdit)
  const { ask, dialogs } = usePipelineDialogs(list.isSuccess ? list.items : undefined)
  const actions = canEdit && (
    <>
      <Link to="/$org/$env/import" params={path} search={{}} className={buttonClass('secondary')}>
        <FileInput aria-hidden size={14} />
        {t('Import…')}
      </Link>
      <Button variant="primary" onPress={() => creating.open()}>
        <Plus aria-hidden size={14} />
        {t('New pipeline')}
      </Button>
    </>
  )
  return (
    <Page title={t('Pipelines')} actions={actions}>
      {(list.items.length > 0 || filtered) && <ListFilters search={search} />}
      {list.isPending && <LoadingState />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && <Nothing filtered={filtered} actions={actions} />}
      {list.items.length > 0 && <PipelineTable rows={list.items} canEdit={canEdit} onAsk={ask} />}
      <MoreButton list={list} />
      {dialogs}
      {creating.isOpen && <CreateDialog onClose={creating.close} />}
    </Page>
  )
}

function Nothing({ filtered, actions }: { filtered: boolean; actions: React.ReactNode }) {
  if (filtered) {
    return (
      <EmptyState
        title={t('No pipeline matches')}
        action={
          <Link from="/$org/$env/pipelines" to="." search={{}} className="underline">
            {t('Show all')}
          </Link>
        }
      >
        {t('Nothing here is what the filter asks for.')}
      </EmptyState>
    )
  }
  return (
    <EmptyState title={t('No pipelines yet')} action={<StartActions>{actions}</StartActions>}>
      {t('Begin with a template, draw a new one, or bring a Vector configuration that you have already.')}
    </EmptyState>
  )
}

/** The shortest way to a first pipeline stands first. */
function StartActions({ children }: { children: React.ReactNode }) {
  const { org, env } = useScope()
  return (
    <div className="flex flex-wrap justify-center gap-2">
      <Link to="/$org/$env/templates" params={{ org, env }} className={buttonClass('secondary')}>
        <LayoutTemplate aria-hidden size={14} />
        {t('Choose a template')}
      </Link>
      {children}
    </div>
  )
}

/** Whether the draft has moved on from what is deployed; where nothing is, there is nothing to compare it with. */
function DraftState({ pipeline: { deployed, draft_changed: changed } }: { pipeline: PipelineSummary }) {
  if (deployed !== null && changed) return <span className="whitespace-nowrap">{t('changed since')}</span>
  return <span className="text-secondary">{deployed === null ? '–' : t('same')}</span>
}

type PipelineTableProps = { rows: PipelineSummary[]; canEdit: boolean; onAsk: AskAbout }

function PipelineTable({ rows, canEdit, onAsk }: PipelineTableProps) {
  const { org, env } = useScope()
  const [chosen, setChosen] = useState<Set<string>>(new Set())
  // Whatever a filter hides or a colleague deletes is not chosen any more.
  const chosenRows = rows.filter((row) => chosen.has(row.id))
  const now = useNow(10_000)
  const columns: Column<PipelineSummary>[] = [
    {
      key: 'name',
      title: t('Name'),
      render: (row) => (
        <div className="min-w-0 py-1">
          <Link to="/$org/$env/pipelines/$pipelineId" params={{ org, env, pipelineId: row.id }} className="font-medium [overflow-wrap:anywhere] hover:underline">
            {row.name}
          </Link>
          {(row.folder !== '' || row.tags.length > 0) && (
            <div className="flex flex-wrap items-center gap-1 text-sm text-secondary">
              {row.folder !== '' && <span className="mr-1 [overflow-wrap:anywhere]">{row.folder}</span>}
              {row.tags.map((tag) => (
                <Tag key={tag}>{tag}</Tag>
              ))}
            </div>
          )}
          {row.description !== '' && <div className="max-w-[min(24rem,38vw)] truncate max-sm:pointer-coarse:max-w-[26vw] text-sm text-secondary">{row.description}</div>}
        </div>
      ),
    },
    { key: 'state', title: t('Deployed'), render: (row) => <DeployedState deployed={row.deployed} /> },
    {
      key: 'draft',
      title: t('Draft'),
      wideOnly: true,
      render: (row) => <DraftState pipeline={row} />,
    },
    { key: 'components', title: t('Components'), align: 'right', wideOnly: true, render: (row) => row.component_count },
    {
      key: 'updated',
      title: t('Changed'),
      wideOnly: true,
      render: (row) => (
        <span className="whitespace-nowrap text-secondary">
          {formatAge(row.updated_at, now)}
          {row.updated_by !== null && ` · ${row.updated_by}`}
        </span>
      ),
    },
    { key: 'menu', title: '', align: 'right', width: '40px', render: (row) => <PipelineMenu pipeline={row} onAsk={onAsk} /> },
  ]
  const choice = { chosen: new Set(chosenRows.map((row) => row.id)), onChange: setChosen, nameOf: (row: PipelineSummary) => row.name }
  return (
    <>
      {chosenRows.length > 0 && <BulkBar chosen={chosenRows} onClear={() => setChosen(new Set())} onKeep={setChosen} />}
      <Table label={t('Pipelines')} columns={columns} rows={rows} rowKey={(row) => row.id} {...(canEdit ? { choice } : {})} />
    </>
  )
}
