import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { KeyRound, RefreshCw } from 'lucide-react'
import type { DataKeyVersion, Encryption } from '@/api/gen'
import { rotateDataKey } from '@/api/gen'
import { getEncryptionOptions, getEncryptionQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import type { Tone } from '@/ui/badge'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Facts, Page, Section } from '@/ui/page'
import { ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notify } from '@/ui/toast'
import { OwnKeyDialog } from './own-key-dialog'
import { OwnKeys } from './own-keys'
import { SecretsOnNodes } from './secrets-on-nodes'

const PROVIDERS: Record<Encryption['provider'], () => string> = {
  'local-key-file': () => t('A key file of this installation'),
  'aws-kms': () => t('AWS KMS of this installation'),
  'vault-transit': () => t('Vault of this installation'),
  'own-key': () => t('Your own key'),
}

/** How the organisation's secrets are encrypted: versions of the data key, what wraps it, and a key of one's own. */
export function EncryptionPage() {
  const { org } = useScope()
  const path = { org }
  const can = useCan()
  const now = useNow(10_000)
  const state = useQuery({ ...getEncryptionOptions({ path }), refetchInterval: 10_000 })
  const mayManage = can('keys.manage')
  const canBring = state.data?.plan === 'enterprise' && !state.data.own_keys.some((key) => key.state === 'named')
  const bringing = useDialog('own-key', mayManage)
  return (
    <Page title={t('Encryption')} subtitle={t('Of the whole organisation')}>
      {state.isPending && <LoadingState />}
      {state.error !== null && <ErrorState error={state.error} onRetry={() => void state.refetch()} />}
      {state.data !== undefined && (
        <>
          <Section title={t('Data key')} aside={mayManage && <RotateButton state={state.data} />}>
            <p className="mb-3 max-w-3xl text-secondary">
              {t(
                'Each secret is encrypted by the organisation’s data key and bound to its place. The data key itself is stored only encrypted, by the key named below. Servers keep it in memory for 60 seconds at most.',
              )}
            </p>
            <Facts
              items={[
                [t('State'), <Availability key="state" state={state.data} />],
                [t('Encrypted by'), PROVIDERS[state.data.provider]()],
                [t('Last rotation asked for'), <LastRotation key="rotation" state={state.data} now={now} />],
              ]}
            />
            <div className="mt-4">
              <Table label={t('Versions of the data key')} columns={columns()} rows={state.data.keys} rowKey={(row) => String(row.version)} />
            </div>
          </Section>
          <Section
            title={t('Your own key')}
            aside={
              mayManage &&
              canBring && (
                <Button onPress={() => bringing.open()}>
                  <KeyRound aria-hidden size={14} />
                  {t('Bring a key…')}
                </Button>
              )
            }
          >
            <OwnKeys state={state.data} mayManage={mayManage} />
            <Revocation />
          </Section>
          <Section title={t('Secrets on nodes without contact')}>
            <SecretsOnNodes mayManage={mayManage} />
          </Section>
        </>
      )}
      {bringing.isOpen && canBring && <OwnKeyDialog onClose={bringing.close} />}
    </Page>
  )
}

function Availability({ state }: { state: Encryption }) {
  if (!state.available) {
    return (
      <>
        <StateBadge tone="bad" label={t('Not available')} />
        <span className="block text-secondary">{state.problem}</span>
      </>
    )
  }
  if (state.moving) return <StateBadge tone="active" label={t('Being moved to another key')} />
  return <StateBadge tone="good" label={t('Available')} />
}

function LastRotation({ state, now }: { state: Encryption; now: number }) {
  const { rotation } = state
  if (rotation === null) return <span className="text-secondary">{t('never')}</span>
  if (rotation.done_at === null) return <StateBadge tone="active" label={t('asked for {age}, under way', { age: formatAge(rotation.requested_at, now) })} />
  return t('{age}; {count, plural, one {# value} other {# values}} encrypted anew', {
    age: formatAge(rotation.done_at, now),
    count: rotation.resealed ?? 0,
  })
}

function RotateButton({ state }: { state: Encryption }) {
  const { org } = useScope()
  const path = { org }
  const queryClient = useQueryClient()
  const rotate = useMutation({
    mutationFn: async () => {
      await rotateDataKey({ path, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: getEncryptionQueryKey({ path }) })
      notify(t('A new data key is being made; everything is encrypted anew while you work on.'))
    },
  })
  const underWay = state.rotation !== null && state.rotation.done_at === null
  return (
    <>
      {rotate.error !== null && <InlineError error={rotate.error} />}
      <Button isDisabled={underWay || rotate.isPending || !state.available} onPress={() => rotate.mutate()}>
        <RefreshCw aria-hidden size={14} />
        {t('Rotate now')}
      </Button>
    </>
  )
}

function Revocation() {
  const scope = useScope()
  return (
    <div className="mt-4 max-w-3xl rounded-md border border-line px-4 py-3">
      <h3 className="font-semibold">{t('What taking a key away does')}</h3>
      <p className="mt-1 text-secondary">
        {t(
          'Disable or delete your key in AWS or Vault, and within 60 seconds no server can read the organisation’s secrets. Nodes keep the secrets that they were given and go on running; what they hold is not taken back by this.',
        )}
      </p>
      <p className="mt-1 text-secondary">
        {t('To remove secrets from a node, wipe it: it gets a signed order, and says when it is done.')}{' '}
        <Link to="/$org/$env/nodes" params={scope} className="text-text underline">
          {t('Go to the nodes')}
        </Link>
      </p>
    </div>
  )
}

function columns(): Column<DataKeyVersion>[] {
  const states: Record<DataKeyVersion['state'], [Tone, string]> = {
    'in-use': ['good', t('In use')],
    retiring: ['active', t('Being replaced')],
    destroyed: ['unknown', t('Destroyed')],
  }
  const wrapped: Record<DataKeyVersion['wrapped_by'], string> = {
    platform: t('this installation'),
    'own-key': t('your own key'),
    nothing: t('nothing any more'),
  }
  return [
    { key: 'version', title: t('Version'), render: (row) => <span className="tabular-nums">{row.version}</span> },
    { key: 'state', title: t('State'), render: (row) => <StateBadge tone={states[row.state][0]} label={states[row.state][1]} /> },
    { key: 'wrapped', title: t('Encrypted by'), wideOnly: true, render: (row) => wrapped[row.wrapped_by] },
    {
      key: 'use',
      title: t('Uses, at most'),
      align: 'right',
      render: (row) => (
        <span className="tabular-nums">
          {row.encryptions.toLocaleString('en')}
          <span className="text-secondary max-sm:hidden"> {t('of {most}', { most: row.most_encryptions.toLocaleString('en') })}</span>
        </span>
      ),
    },
    { key: 'age', title: t('Age'), align: 'right', render: (row) => t('{days, plural, one {# day} other {# days}}', { days: Math.floor(row.age_seconds / 86_400) }) },
  ]
}
