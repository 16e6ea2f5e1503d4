import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Drift } from '@/api/gen'
import { confirmDrift } from '@/api/gen'
import { listDriftOptions, listDriftQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Section } from '@/ui/page'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notify, notifyError } from '@/ui/toast'

const REFRESH_MS = 10_000

/** Where nodes do not have what their labels ask for. Nothing changes until somebody confirms it. */
export function DriftList() {
  const path = useScope()
  const can = useCan()
  const queryClient = useQueryClient()
  const drift = useQuery({ ...listDriftOptions({ path }), refetchInterval: REFRESH_MS })
  const confirm = useMutation({
    mutationFn: async (row: Drift) => confirmDrift({ path: { ...path, id: row.pipeline_id }, body: { node_ids: [row.node_id] }, throwOnError: true }),
    onSuccess: () => {
      notify(t('Done.'))
      void queryClient.invalidateQueries({ queryKey: listDriftQueryKey({ path }) })
    },
    onError: notifyError,
  })
  const items = drift.data?.items ?? []
  if (items.length === 0) return null
  const columns: Column<Drift>[] = [
    {
      key: 'node',
      title: t('Node'),
      render: (row) => (
        <Link to="/$org/$env/nodes/$nodeId" params={{ ...path, nodeId: row.node_id }} className="font-medium hover:underline">
          {row.node_name}
        </Link>
      ),
    },
    { key: 'pipeline', title: t('Pipeline'), render: (row) => row.pipeline_name },
    {
      key: 'kind',
      title: t('Difference'),
      render: (row) => <StateBadge tone="warn" label={row.kind === 'missing' ? t('should run it, does not') : t('runs it, no longer should')} />,
    },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        can('pipeline.deploy') && (
          <Button variant={row.kind === 'extra' ? 'danger' : 'secondary'} isDisabled={row.in_maintenance || confirm.isPending} onPress={() => confirm.mutate(row)}>
            {row.kind === 'missing' ? t('Start it') : t('Stop it')}
          </Button>
        ),
    },
  ]
  return (
    <Section title={t('Differences to confirm')}>
      <p className="mb-2 text-secondary">{t('Labels or groups changed since these pipelines were deployed. What runs goes on until you decide.')}</p>
      <Table label={t('Differences to confirm')} columns={columns} rows={items} rowKey={(row) => `${row.pipeline_id}:${row.node_id}`} />
    </Section>
  )
}
