import { Link } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import type { Assignment } from '@/api/gen'
import { restartPipeline } from '@/api/gen'
import { useRowDialog } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { differenceLabel } from './difference'
import { useNodeChange } from './use-node-change'

const TapDialog = lazy(async () => ({ default: (await import('@/features/taps/tap-dialog')).TapDialog }))

function desiredLabel(row: Assignment): string {
  const words = { run: t('run'), hold: t('hold'), stop: t('stop') }[row.desired] ?? row.desired
  return row.revision === null ? words : t('{what} revision {revision}', { what: words, revision: row.revision })
}

function Actual({ row, now }: { row: Assignment; now: number }) {
  const { actual, difference } = row
  const label = actual === null ? t('no report yet') : actual.revision === null ? actual.state : t('{state}, revision {revision}', { state: actual.state, revision: actual.revision })
  const tone = difference === null ? 'good' : actual === null || UNKNOWN.includes(difference.code) ? 'unknown' : 'warn'
  const message = actual?.message ?? ''
  return (
    <div className="py-1">
      <StateBadge tone={tone} label={label} />
      {difference !== null && (
        <div className="text-sm [overflow-wrap:anywhere]">
          {differenceLabel(difference.code)}
          {difference.since !== null && <span className="text-secondary"> {formatAge(difference.since, now)}</span>}
          {difference.detail !== '' && <div className="text-secondary">{difference.detail}</div>}
        </div>
      )}
      {message !== '' && message !== difference?.detail && <div className="text-sm text-secondary [overflow-wrap:anywhere]">{message}</div>}
    </div>
  )
}

/** What it does now is not known then. */
const UNKNOWN = ['not-heard', 'never-heard', 'not-admitted', 'left']

/** What a node should run beside what it says it runs. */
export function Assignments({ assignments, nodeId }: { assignments: Assignment[]; nodeId: string }) {
  const scope = useScope()
  const can = useCan()
  const restart = useNodeChange(nodeId, t('The node was asked to restart it.'))
  const now = useNow(5000)
  const tapped = useRowDialog('tap', assignments, { may: can('tap.use'), idOf: (row) => row.pipeline.id })
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
    { key: 'actual', title: t('Does'), render: (row) => <Actual row={row} now={now} /> },
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
      ownLine: true,
      align: 'right',
      render: (row) =>
        row.desired === 'run' && (
          <div className="flex justify-end gap-2 py-1">
            {can('tap.use') && <Button onPress={() => tapped.open(row)}>{t('Tap')}</Button>}
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
      {tapped.row !== null && (
        <Suspense>
          <TapDialog title={tapped.row.pipeline.name} target={{ pipelineId: tapped.row.pipeline.id, nodeId }} onClose={tapped.close} />
        </Suspense>
      )}
    </>
  )
}
