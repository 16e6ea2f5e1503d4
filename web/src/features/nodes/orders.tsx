import { useQuery } from '@tanstack/react-query'
import type { Statement } from '@/api/gen'
import { listStatementsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import type { Tone } from '@/ui/badge'
import { StateBadge } from '@/ui/badge'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'

const REFRESH_MS = 3000
const TONES: Record<Statement['state'], Tone> = {
  requested: 'active',
  signed: 'active',
  done: 'good',
  refused: 'bad',
  cancelled: 'unknown',
  expired: 'unknown',
}

function stateLabel(state: Statement['state']): string {
  const words: Record<Statement['state'], string> = {
    requested: t('is being signed'),
    signed: t('waits for the node'),
    done: t('done'),
    refused: t('refused'),
    cancelled: t('taken back'),
    expired: t('never heard'),
  }
  return words[state]
}

function kindLabel(statement: Statement): string {
  const { level } = statement.arguments
  const words: Record<string, string> = {
    restart: t('Restart a pipeline'),
    'log-level': t('Log level {level}', { level: typeof level === 'string' ? level : '' }),
    wipe: t('Leave and remove everything'),
    tap: t('Tap'),
    sample: t('Sample'),
    update: t('Update'),
  }
  return words[statement.kind] ?? statement.kind
}

/** What the node was told to do once, and what it answered. */
export function Orders({ nodeId }: { nodeId: string }) {
  const { org, env } = useScope()
  const now = useNow(5000)
  const query = useQuery({ ...listStatementsOptions({ path: { org, env, id: nodeId }, query: { limit: 10 } }), refetchInterval: REFRESH_MS })
  const columns: Column<Statement>[] = [
    { key: 'kind', title: t('What'), render: kindLabel },
    {
      key: 'state',
      title: t('State'),
      render: (row) => (
        <div>
          <StateBadge tone={TONES[row.state]} label={stateLabel(row.state)} />
          {(row.message !== '' || row.reason !== '') && (
            <div className="text-sm text-secondary [overflow-wrap:anywhere]">{row.message === '' ? row.reason : row.message}</div>
          )}
        </div>
      ),
    },
    { key: 'by', title: t('Asked by'), wideOnly: true, render: (row) => row.created_by },
    { key: 'when', title: t('When'), align: 'right', render: (row) => <span className="text-secondary">{formatAge(row.created_at, now)}</span> },
  ]
  const items = query.data?.items ?? []
  if (items.length === 0) return <p className="text-secondary">{t('This node was told nothing yet.')}</p>
  return <Table label={t('Orders')} columns={columns} rows={items} rowKey={(row) => row.id} />
}
