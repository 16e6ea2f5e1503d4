import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SecretStore } from '@/api/gen'
import { createSecretStore, deleteSecretStore } from '@/api/gen'
import { listSecretStoresOptions, listSecretStoresQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { DeleteNamed, KindList, Name } from './parts'

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
  const queryClient = useQueryClient()
  const stores = useQuery(listSecretStoresOptions({ path }))
  const [making, setMaking] = useState(false)
  const [removing, setRemoving] = useState<SecretStore | null>(null)
  const mayWrite = can('secret.write')
  const remove = useMutation({
    mutationFn: (row: SecretStore) => deleteSecretStore({ path: { ...path, id: row.id }, headers: { 'If-Match': row.etag }, throwOnError: true }),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listSecretStoresQueryKey({ path }).slice(0, 1) })
      setRemoving(null)
    },
  })
  const columns: Column<SecretStore>[] = [
    { key: 'name', title: t('Name'), render: (row) => <Name note={row.vault?.address ?? row.aws?.region ?? ''}>{row.name}</Name> },
    { key: 'kind', title: t('Kind'), wideOnly: true, render: (row) => (row.vault != null ? 'HashiCorp Vault' : 'AWS Secrets Manager') },
    { key: 'by', title: t('Asked by'), wideOnly: true, render: (row) => (row.resolve === 'server' ? t('the server') : t('the engine on the node')) },
    { key: 'state', title: t('Last look-up'), render: (row) => <LookUp store={row} now={now} /> },
    {
      key: 'action',
      title: '',
      align: 'right',
      render: (row) =>
        mayWrite && (
          <Button variant="danger" onPress={() => setRemoving(row)}>
            {t('Delete…')}
          </Button>
        ),
    },
  ]
  return (
    <>
      <KindList
        query={stores}
        isEmpty={stores.isSuccess && stores.data.items.length === 0}
        emptyTitle={t('No stores yet')}
        about={t('HashiCorp Vault and AWS Secrets Manager, where secrets may lie instead of here. They are asked when nodes need a value; while one does not answer, what runs goes on.')}
        newLabel={mayWrite ? t('Set up store') : null}
        onNew={() => setMaking(true)}
      >
        <Table label={t('Stores')} columns={columns} rows={stores.data?.items ?? []} rowKey={(row) => row.id} />
      </KindList>
      {making && <StoreDialog onClose={() => setMaking(false)} />}
      {removing !== null && (
        <DeleteNamed name={removing.name} error={remove.error} isPending={remove.isPending} onClose={() => setRemoving(null)} onConfirm={() => remove.mutate(removing)} />
      )}
    </>
  )
}

const KINDS = ['vault', 'aws', 'aws-node'] as const

function StoreDialog({ onClose }: { onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState('')
  const [kind, setKind] = useState<(typeof KINDS)[number]>('vault')
  const [address, setAddress] = useState('')
  const [mount, setMount] = useState('secret')
  const [region, setRegion] = useState('')
  const [secretId, setSecretId] = useState('')
  const [token, setToken] = useState('')
  const [keyId, setKeyId] = useState('')
  const [secretKey, setSecretKey] = useState('')
  const save = useMutation({
    mutationFn: () => {
      const body =
        kind === 'vault'
          ? { name, resolve: 'server' as const, vault: { address, mount }, credentials: { token } }
          : kind === 'aws'
            ? { name, resolve: 'server' as const, aws: { region }, credentials: { access_key_id: keyId, secret_access_key: secretKey } }
            : { name, resolve: 'node' as const, aws: { region, secret_id: secretId } }
      return createSecretStore({ path, body, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listSecretStoresQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  const labels = {
    vault: t('HashiCorp Vault, asked by the server'),
    aws: t('AWS Secrets Manager, asked by the server'),
    'aws-node': t('AWS Secrets Manager, asked by the engine on the node'),
  }
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name === '' || save.isPending} onPress={() => save.mutate()}>
        {t('Set up')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Set up store')} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <Select label={t('Kind')} value={kind} choices={KINDS.map((id) => ({ id, label: labels[id] }))} onChange={(next) => setKind(KINDS.find((each) => each === next) ?? 'vault')} />
        <TextField label={t('Name')} mono autoComplete="off" value={name} onChange={setName} />
        {kind === 'vault' && (
          <>
            <TextField label={t('Address')} mono value={address} onChange={setAddress} placeholder="https://vault.example.com:8200" />
            <TextField label={t('Path of the KV engine')} mono value={mount} onChange={setMount} />
            <TextField label={t('Token')} type="password" autoComplete="off" value={token} onChange={setToken} hint={t('One that may read these secrets and nothing else. It is sealed on arrival.')} />
          </>
        )}
        {kind !== 'vault' && <TextField label={t('Region')} mono value={region} onChange={setRegion} placeholder="eu-central-1" />}
        {kind === 'aws' && (
          <>
            <TextField label={t('Access key id')} mono autoComplete="off" value={keyId} onChange={setKeyId} />
            <TextField label={t('Secret access key')} type="password" autoComplete="off" value={secretKey} onChange={setSecretKey} hint={t('It is sealed on arrival.')} />
          </>
        )}
        {kind === 'aws-node' && (
          <TextField label={t('Secret id')} mono value={secretId} onChange={setSecretId} hint={t('The node reads the keys of this one secret with its own identity; its policy must allow it.')} />
        )}
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
