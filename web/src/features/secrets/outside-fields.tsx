import type { SecretStore } from '@/api/gen'
import { t } from '@/lib/i18n'
import { TextField } from '@/ui/field'

export type Where = { path: string; field: string }

/** Who asks a store, and so who sees the value first. */
export function askedBy(store: SecretStore): string {
  return store.resolve === 'server' ? t('asked by the server') : t('asked by the engine on the node')
}

/** Tells whether everything is there that names a secret in this store. */
export function isComplete(store: SecretStore, where: Where): boolean {
  if (store.resolve === 'node') return where.field !== ''
  return where.path !== '' && (store.vault == null || where.field !== '')
}

/** Where in an outside store a secret lies. What the node's engine asks is one secret's key, without a path. */
export function OutsideFields({ store, where, onChange }: { store: SecretStore; where: Where; onChange: (where: Where) => void }) {
  const isNode = store.resolve === 'node'
  return (
    <>
      <p className="text-sm text-secondary">
        {isNode
          ? t('The engine on each node asks the store with the node’s own identity. The value never comes here; the node’s policy must allow it.')
          : t('The server asks the store when nodes need the value, and seals it for them. It is held in memory for at most a minute and never stored.')}
      </p>
      {!isNode && (
        <TextField
          label={store.vault == null ? t('Name or ARN of the secret') : t('Path of the secret')}
          mono
          autoComplete="off"
          value={where.path}
          onChange={(path) => onChange({ ...where, path })}
          placeholder="apps/collector"
        />
      )}
      <TextField
        label={t('Key in it')}
        mono
        autoComplete="off"
        value={where.field}
        onChange={(field) => onChange({ ...where, field })}
        hint={isNode ? t('A key of {secret}.', { secret: store.aws?.secret_id ?? '' }) : store.vault == null ? t('Empty takes the whole text.') : undefined}
      />
    </>
  )
}
