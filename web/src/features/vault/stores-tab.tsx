import { useQuery } from '@tanstack/react-query'
import type { SecretStore } from '@/api/gen'
import { deleteSecretStore } from '@/api/gen'
import { listSecretStoresOptions, listSecretStoresQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { DeleteNamed, KindList, Name } from './parts'
import { StoreDialog } from './store-dialog'

function LookUp({ store, now }: { store: SecretStore; now: number }) {
  if (store.resolve === 'node') return <span className="text-secondary">{t('by the nodes')}</span>
  if (store.last_used_at === null) return <span className="text-secondary">{t('never asked')}</span>
  if (store.last_error !== '') {
    return (
      <span className="flex flex-col">
        <StateBadge tone="bad" label={t('no answer')} />
        <span className="text-sm text-secondary">{store.last_error}</span>
      </span>
    )
  }
  return <StateBadge tone="good" label={t('answered {age}', { age: formatAge(store.last_used_at, now) })} />
}

export function StoresTab() {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const now = useNow(10_000)
  const stores = useQuery(listSecretStoresOptions({ path }))
  const mayWrite = can('secret.write')
  const rows = stores.data?.items ?? []
  const editing = useRowDialog('store', stores.data?.items, { may: mayWrite })
  const removing = useRowQuestion('delete', stores.data?.items)
  const remove = (row: SecretStore) => deleteSecretStore({ path: { ...path, id: row.id }, headers: { 'If-Match': row.etag }, throwOnError: true })
  const columns: Column<SecretStore>[] = [
    { key: 'name', title: t('Name'), render: (row) => <Name note={row.vault?.address ?? row.aws?.region ?? ''}>{row.name}</Name> },
    { key: 'kind', title: t('Kind'), wideOnly: true, render: (row) => (row.vault != null ? 'HashiCorp Vault' : 'AWS Secrets Manager') },
    { key: 'by', title: t('Asked by'), wideOnly: true, render: (row) => (row.resolve === 'server' ? t('the server') : t('the engine on the node')) },
    { key: 'state', title: t('Last look-up'), render: (row) => <LookUp store={row} now={now} /> },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        mayWrite && (
          <span className="inline-flex gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
            <Button onPress={() => editing.open(row)}>{t('Change…')}</Button>
            <Button variant="danger" onPress={() => removing.open(row)}>
              {t('Delete…')}
            </Button>
          </span>
        ),
    },
  ]
  return (
    <>
      <KindList
        list={{ isPending: stores.isPending, error: stores.error, refetch: stores.refetch, items: rows }}
        emptyTitle={t('No stores yet')}
        about={t('HashiCorp Vault and AWS Secrets Manager, where secrets may lie instead of here. They are asked when nodes need a value; while one does not answer, what runs goes on.')}
        newLabel={mayWrite ? t('Set up store') : null}
        onNew={() => editing.open(null)}
      >
        <Table label={t('Stores')} columns={columns} rows={rows} rowKey={(row) => row.id} />
      </KindList>
      {editing.isOpen && <StoreDialog store={editing.row} onClose={editing.close} />}
      <DeleteNamed asked={removing} remove={remove} listKey={listSecretStoresQueryKey({ path }).slice(0, 1)} limit={t('A store that a secret lies in cannot be deleted.')} />
    </>
  )
}
