import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import type { Secret } from '@/api/gen'
import { deleteSecret } from '@/api/gen'
import { listSecretsOptions, listSecretsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notify } from '@/ui/toast'
import { SecretDialog } from './secret-dialog'

/** The secrets of an environment by name: who uses them, and the way to set a new value. Values never come out. */
export function SecretsPage() {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const now = useNow(10_000)
  const secrets = useQuery(listSecretsOptions({ path, query: { limit: 200 } }))
  const [editing, setEditing] = useState<{ secret: Secret | null } | null>(null)
  const [removing, setRemoving] = useState<Secret | null>(null)
  const mayWrite = can('secret.write')
  const columns: Column<Secret>[] = [
    { key: 'name', title: t('Name'), render: (row) => <span className="font-mono text-sm font-medium">{row.name}</span> },
    { key: 'version', title: t('Version'), align: 'right', render: (row) => row.version },
    { key: 'used', title: t('Used by'), render: (row) => <UsedBy secret={row} /> },
    { key: 'updated', title: t('Value set'), wideOnly: true, render: (row) => <span className="text-secondary">{formatAge(row.updated_at, now)}</span> },
    {
      key: 'action',
      title: '',
      align: 'right',
      render: (row) =>
        mayWrite && (
          <span className="inline-flex gap-2 py-1 max-sm:flex-col">
            <Button onPress={() => setEditing({ secret: row })}>{t('Set value…')}</Button>
            <Button variant="danger" onPress={() => setRemoving(row)}>
              {t('Delete…')}
            </Button>
          </span>
        ),
    },
  ]
  const make = mayWrite && (
    <Button variant="primary" onPress={() => setEditing({ secret: null })}>
      <Plus aria-hidden size={14} />
      {t('New secret')}
    </Button>
  )
  const items = secrets.data?.items ?? []
  return (
    <Page title={t('Secrets')} actions={make}>
      {secrets.isPending && <LoadingState />}
      {secrets.error !== null && <ErrorState error={secrets.error} onRetry={() => void secrets.refetch()} />}
      {secrets.isSuccess && items.length === 0 && (
        <EmptyState title={t('No secrets yet')} action={make}>
          {t('Passwords and keys that pipelines need. A pipeline names a secret; its value goes sealed to the nodes.')}
        </EmptyState>
      )}
      {items.length > 0 && <Table label={t('Secrets')} columns={columns} rows={items} rowKey={(row) => row.id} />}
      <SecretDialog
        isOpen={editing !== null}
        secret={editing?.secret ?? null}
        onClose={() => setEditing(null)}
        onDone={(name) => notify(t('{name} has its value.', { name }))}
      />
      {removing !== null && <DeleteDialog secret={removing} onClose={() => setRemoving(null)} />}
    </Page>
  )
}

function UsedBy({ secret }: { secret: Secret }) {
  const scope = useScope()
  if (secret.used_by.length === 0) return <span className="text-secondary">{t('nothing')}</span>
  return (
    <span className="flex flex-wrap gap-x-3">
      {secret.used_by.map((use) => (
        <Link key={use.pipeline_id} to="/$org/$env/pipelines/$pipelineId" params={{ ...scope, pipelineId: use.pipeline_id }} className="hover:underline">
          {use.name}
        </Link>
      ))}
    </span>
  )
}

function DeleteDialog({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const { org, env } = useScope()
  const queryClient = useQueryClient()
  const path = { org, env }
  const remove = useMutation({
    mutationFn: async () => {
      const headers = secret.etag === undefined ? {} : { 'If-Match': secret.etag }
      await deleteSecret({ path: { ...path, id: secret.id }, headers, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listSecretsQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Delete {name}?', { name: secret.name })}
      confirmLabel={t('Delete')}
      isPending={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      <p>{t('A secret that a pipeline names cannot be deleted.')}</p>
      {remove.error !== null && <InlineError error={remove.error} />}
    </ConfirmDialog>
  )
}
