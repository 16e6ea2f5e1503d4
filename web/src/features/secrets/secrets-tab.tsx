import type { Secret } from '@/api/gen'
import { deleteSecret, getSecret, listSecrets } from '@/api/gen'
import { listSecretsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { DeleteNamed, KindList, Name, TimeState, UsedBy } from '@/features/vault/parts'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { pageAt, usePages } from '@/lib/use-pages'
import { Button } from '@/ui/button'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notify } from '@/ui/toast'
import { RulesDialog } from './rules-dialog'
import { SecretDialog } from './secret-dialog'

/** The secrets of an environment by name: who uses them, how old they are, and the way to set a new value. Values never come out. */
export function SecretsTab() {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const now = useNow(10_000)
  const list = usePages<Secret>({
    queryKey: [...listSecretsQueryKey({ path }), 'pages'],
    fetchPage: async (cursor, signal) => (await listSecrets({ path, query: pageAt(cursor), signal, throwOnError: true })).data,
  })
  const mayWrite = can('secret.write')
  const rows = list.isSuccess ? list.items : undefined
  const one = async (id: string) => (await getSecret({ path: { ...path, id }, throwOnError: true })).data
  const editing = useRowDialog('secret', rows, { one, may: mayWrite })
  const ruling = useRowDialog('secret-rules', rows, { one })
  const removing = useRowQuestion('delete', rows, { one })
  const remove = (secret: Secret) => deleteSecret({ path: { ...path, id: secret.id }, headers: { 'If-Match': secret.etag }, throwOnError: true })
  const columns: Column<Secret>[] = [
    { key: 'name', title: t('Name'), render: (row) => <Name note={row.description}>{row.name}</Name> },
    { key: 'state', title: t('State'), render: (row) => <TimeState state={row.state} /> },
    { key: 'version', title: t('Version'), align: 'right', wideOnly: true, render: (row) => (row.outside === null ? row.version : t('outside')) },
    { key: 'used', title: t('Used by'), wideOnly: true, render: (row) => <UsedBy uses={row.used_by} /> },
    { key: 'updated', title: t('Value set'), wideOnly: true, render: (row) => <span className="text-secondary">{formatAge(row.value_set_at, now)}</span> },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) => (
        <span className="inline-flex gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
          <Button onPress={() => ruling.open(row)}>{t('Rules…')}</Button>
          {mayWrite && row.outside === null && <Button onPress={() => editing.open(row)}>{t('Set value…')}</Button>}
          {mayWrite && (
            <Button variant="danger" onPress={() => removing.open(row)}>
              {t('Delete…')}
            </Button>
          )}
        </span>
      ),
    },
  ]
  return (
    <>
      <KindList
        list={list}
        emptyTitle={t('No secrets yet')}
        about={t('Passwords and keys that pipelines need. A pipeline names a secret; its value goes sealed to the nodes.')}
        newLabel={mayWrite ? t('New secret') : null}
        onNew={() => editing.open(null)}
      >
        <Table label={t('Secrets')} columns={columns} rows={list.items} rowKey={(row) => row.id} />
      </KindList>
      {editing.isOpen && <SecretDialog isOpen secret={editing.row} onClose={editing.close} onDone={(name) => notify(t('{name} has its value.', { name }))} />}
      {ruling.row !== null && <RulesDialog secret={ruling.row} onClose={ruling.close} />}
      <DeleteNamed asked={removing} remove={remove} listKey={listSecretsQueryKey({ path }).slice(0, 1)} />
    </>
  )
}
