import { Link } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import type { Assignment } from '@/api/gen'
import { restartPipeline } from '@/api/gen'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { useNodeChange } from './use-node-change'

const TapDialog = lazy(async () => ({ default: (await import('@/features/taps/tap-dialog')).TapDialog }))

function desiredLabel(row: Assignment): string {
  const words = { run: t('run'), hold: t('hold'), stop: t('stop') }[row.desired] ?? row.desired
  return row.revision === null ? words : t('{what} revision {revision}', { what: words, revision: row.revision })
}

function Actual({ row }: { row: Assignment }) {
  const { actual } = row
  if (actual === null) return <StateBadge tone="unknown" label={t('no report yet')} />
  const isAsWished = row.desired === 'stop' ? actual.state !== 'running' : actual.state === 'running' && actual.revision === row.revision
  const label = actual.revision === null ? actual.state : t('{state}, revision {revision}', { state: actual.state, revision: actual.revision })
  return (
    <div>
      <StateBadge tone={isAsWished ? 'good' : 'warn'} label={label} />
      {actual.message != null && actual.message !== '' && <div className="text-sm text-secondary [overflow-wrap:anywhere]">{actual.message}</div>}
    </div>
  )
}

/** What a node should run beside what it says it runs. */
export function Assignments({ assignments, nodeId }: { assignments: Assignment[]; nodeId: string }) {
  const scope = useScope()
  const can = useCan()
  const restart = useNodeChange(nodeId, t('The node was asked to restart it.'))
  const now = useNow(5000)
  const [tapped, setTapped] = useState<Assignment | null>(null)
  const columns: Column<Assignment>[] = [
    {
      key: 'pipeline',
      title: t('Pipeline'),
      render: (row) => (
        <Link to="/$org/$env/pipelines/$pipelineId" params={{ ...scope, pipelineId: row.pipeline.id }} className="font-medium hover:underline">
          {row.pipeline.name}
        </Link>
      ),
    },
    { key: 'desired', title: t('Should'), render: desiredLabel },
    { key: 'actual', title: t('Does'), render: (row) => <Actual row={row} /> },
    { key: 'pid', title: t('Process'), align: 'right', wideOnly: true, render: (row) => row.actual?.pid ?? '–' },
    {
      key: 'since',
      title: t('Since'),
      wideOnly: true,
      render: (row) => (row.actual?.started_at == null ? '–' : formatAge(row.actual.started_at, now)),
    },
    { key: 'restarts', title: t('Restarts'), align: 'right', wideOnly: true, render: (row) => row.actual?.restarts ?? '–' },
  ]
  if (can('node.restart') || can('tap.use')) {
    columns.push({
      key: 'action',
      title: '',
      align: 'right',
      render: (row) =>
        row.desired === 'run' && (
          <div className="flex justify-end gap-2 py-1">
            {can('tap.use') && <Button onPress={() => setTapped(row)}>{t('Tap')}</Button>}
            {can('node.restart') && (
              <Button
                isDisabled={restart.isPending}
                onPress={() => restart.mutate((path) => restartPipeline({ path, body: { pipeline_id: row.pipeline.id }, throwOnError: true }))}
              >
                {t('Restart')}
              </Button>
            )}
          </div>
        ),
    })
  }
  if (assignments.length === 0) return <p className="text-secondary">{t('Nothing is assigned to this node.')}</p>
  return (
    <>
      <Table label={t('Pipelines')} columns={columns} rows={assignments} rowKey={(row) => row.pipeline.id} />
      {tapped !== null && (
        <Suspense>
          <TapDialog title={tapped.pipeline.name} target={{ pipelineId: tapped.pipeline.id, nodeId }} onClose={() => setTapped(null)} />
        </Suspense>
      )}
    </>
  )
}
