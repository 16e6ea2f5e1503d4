import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SecretStore, StoreGiven } from '@/api/gen'
import { createSecretStore, updateSecretStore } from '@/api/gen'
import { listSecretStoresQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'

const KINDS = ['vault', 'aws', 'aws-node'] as const
type Kind = (typeof KINDS)[number]

type Form = {
  kind: Kind
  name: string
  address: string
  mount: string
  namespace: string
  authorities: string
  region: string
  endpoint: string
  secretId: string
  token: string
  keyId: string
  secretKey: string
}

function formOf(store: SecretStore | null): Form {
  return {
    kind: store?.aws == null ? 'vault' : store.resolve === 'node' ? 'aws-node' : 'aws',
    name: store?.name ?? '',
    address: store?.vault?.address ?? '',
    mount: store?.vault?.mount ?? 'secret',
    namespace: store?.vault?.namespace ?? '',
    authorities: store?.vault?.ca_pem ?? '',
    region: store?.aws?.region ?? '',
    endpoint: store?.aws?.endpoint ?? '',
    secretId: store?.aws?.secret_id ?? '',
    token: '',
    keyId: '',
    secretKey: '',
  }
}

function bodyOf(form: Form): StoreGiven {
  const { name, region, endpoint } = form
  if (form.kind === 'vault') {
    const vault = { address: form.address, mount: form.mount, namespace: form.namespace, ca_pem: form.authorities }
    return { name, resolve: 'server', vault, credentials: { token: form.token } }
  }
  if (form.kind === 'aws') {
    return { name, resolve: 'server', aws: { region, endpoint }, credentials: { access_key_id: form.keyId, secret_access_key: form.secretKey } }
  }
  return { name, resolve: 'node', aws: { region, endpoint, secret_id: form.secretId } }
}

/** Sets a store up, or changes one: its credentials are entered anew, so that a changed address never gets the old ones. */
export function StoreDialog({ store, onClose }: { store: SecretStore | null; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [form, setForm] = useState(() => formOf(store))
  const change = (next: Partial<Form>) => setForm((old) => ({ ...old, ...next }))
  const save = useMutation({
    mutationFn: async () => {
      const body = bodyOf(form)
      if (store === null) await createSecretStore({ path, body, throwOnError: true })
      else await updateSecretStore({ path: { ...path, id: store.id }, headers: { 'If-Match': store.etag }, body, throwOnError: true })
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
      <Button variant="primary" isDisabled={form.name === '' || save.isPending} onPress={() => save.mutate()}>
        {store === null ? t('Set up') : t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={store === null ? t('Set up store') : t('Change {name}', { name: store.name })} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        {store === null ? (
          <>
            <Select label={t('Kind')} value={form.kind} choices={KINDS.map((id) => ({ id, label: labels[id] }))} onChange={(next) => change({ kind: KINDS.find((each) => each === next) ?? 'vault' })} />
            <TextField label={t('Name')} mono autoComplete="off" value={form.name} onChange={(name) => change({ name })} />
          </>
        ) : (
          <p className="text-secondary">
            {labels[form.kind]}.{' '}
            {form.kind === 'aws-node' ? t('Its name and who asks it stay; make another store for that.') : t('Its name and who asks it stay. Enter the credentials again: a changed address must not get the old ones.')}
          </p>
        )}
        {form.kind === 'vault' ? <VaultFields form={form} change={change} /> : <AwsFields form={form} change={change} />}
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}

type FieldsProps = { form: Form; change: (next: Partial<Form>) => void }

function VaultFields({ form, change }: FieldsProps) {
  return (
    <>
      <TextField label={t('Address')} mono value={form.address} onChange={(address) => change({ address })} placeholder="https://vault.example.com:8200" />
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField label={t('Path of the KV engine')} mono value={form.mount} onChange={(mount) => change({ mount })} />
        <TextField label={t('Namespace')} mono value={form.namespace} onChange={(namespace) => change({ namespace })} />
      </div>
      <TextField label={t('Token')} type="password" autoComplete="off" value={form.token} onChange={(token) => change({ token })} hint={t('One that may read these secrets and nothing else. It is sealed on arrival.')} />
      <TextField label={t('Authorities of its certificate (PEM)')} mono rows={2} value={form.authorities} onChange={(authorities) => change({ authorities })} hint={t('These alone are trusted then. Empty trusts the usual ones.')} />
    </>
  )
}

function AwsFields({ form, change }: FieldsProps) {
  return (
    <>
      <TextField label={t('Region')} mono value={form.region} onChange={(region) => change({ region })} placeholder="eu-central-1" />
      {form.kind === 'aws' ? (
        <>
          <TextField label={t('Access key id')} mono autoComplete="off" value={form.keyId} onChange={(keyId) => change({ keyId })} />
          <TextField label={t('Secret access key')} type="password" autoComplete="off" value={form.secretKey} onChange={(secretKey) => change({ secretKey })} hint={t('It is sealed on arrival.')} />
        </>
      ) : (
        <TextField label={t('Secret id')} mono value={form.secretId} onChange={(secretId) => change({ secretId })} hint={t('The node reads the keys of this one secret with its own identity; its policy must allow it.')} />
      )}
      <TextField label={t('Endpoint')} mono value={form.endpoint} onChange={(endpoint) => change({ endpoint })} hint={t('Empty asks Amazon’s own.')} />
    </>
  )
}
