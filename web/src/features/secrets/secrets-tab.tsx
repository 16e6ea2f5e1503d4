import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Secret } from '@/api/gen'
import { deleteSecret } from '@/api/gen'
import { listSecretsOptions, listSecretsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { DeleteNamed, KindList, Name, TimeState, UsedBy } from '@/features/vault/parts'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
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
  const queryClient = useQueryClient()
  const secrets = useQuery(listSecretsOptions({ path, query: { limit: 200 } }))
  const [editing, setEditing] = useState<{ secret: Secret | null } | null>(null)
  const [ruling, setRuling] = useState<Secret | null>(null)
  const [removing, setRemoving] = useState<Secret | null>(null)
  const mayWrite = can('secret.write')
  const remove = useMutation({
    mutationFn: (secret: Secret) => deleteSecret({ path: { ...path, id: secret.id }, headers: { 'If-Match': secret.etag }, throwOnError: true }),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listSecretsQueryKey({ path }).slice(0, 1) })
      setRemoving(null)
    },
  })
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
          <Button onPress={() => setRuling(row)}>{t('Rules…')}</Button>
          {mayWrite && row.outside === null && <Button onPress={() => setEditing({ secret: row })}>{t('Set value…')}</Button>}
          {mayWrite && (
            <Button variant="danger" onPress={() => setRemoving(row)}>
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
        query={secrets}
        isEmpty={secrets.isSuccess && secrets.data.items.length === 0}
        emptyTitle={t('No secrets yet')}
        about={t('Passwords and keys that pipelines need. A pipeline names a secret; its value goes sealed to the nodes.')}
        newLabel={mayWrite ? t('New secret') : null}
        onNew={() => setEditing({ secret: null })}
      >
        <Table label={t('Secrets')} columns={columns} rows={secrets.data?.items ?? []} rowKey={(row) => row.id} />
      </KindList>
      <SecretDialog
        isOpen={editing !== null}
        secret={editing?.secret ?? null}
        onClose={() => setEditing(null)}
        onDone={(name) => notify(t('{name} has its value.', { name }))}
      />
      {ruling !== null && <RulesDialog secret={ruling} onClose={() => setRuling(null)} />}
      {removing !== null && (
        <DeleteNamed name={removing.name} error={remove.error} isPending={remove.isPending} onClose={() => setRemoving(null)} onConfirm={() => remove.mutate(removing)} />
      )}
    </>
  )
}
