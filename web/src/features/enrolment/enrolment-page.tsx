import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import type { EnrolmentToken, EnrolmentTokenCreated } from '@/api/gen'
import { revokeEnrolmentToken } from '@/api/gen'
import { listEnrolmentTokensOptions, listEnrolmentTokensQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useTimeZone } from '@/lib/time-zone'
import { useNow } from '@/lib/now'
import { StateBadge, Tag } from '@/ui/badge'
import { Button } from '@/ui/button'
import { CodeBlock } from '@/ui/code'
import { ConfirmDialog } from '@/ui/dialog'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { TabbedPane } from '@/ui/tabs'
import type { InstallWay } from './install'
import { INSTALL_COMMANDS } from './install'
import { TokenDialog } from './token-dialog'

function TokenState({ token, now }: { token: EnrolmentToken; now: number }) {
  if (token.revoked_at !== null) return <StateBadge tone="unknown" label={t('Revoked')} />
  if (Date.parse(token.expires_at) < now) return <StateBadge tone="unknown" label={t('Expired')} />
  if (token.max_uses !== null && token.uses >= token.max_uses) return <StateBadge tone="unknown" label={t('Used up')} />
  return <StateBadge tone="good" label={t('Valid')} />
}

/** The tokens with which machines become nodes; a token itself is shown once. */
export function EnrolmentPage() {
  useTimeZone()
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const now = useNow(5000)
  const queryClient = useQueryClient()
  const tokens = useQuery(listEnrolmentTokensOptions({ path }))
  const items = tokens.data?.items ?? []
  const revoking = useRowQuestion('revoke', items)
  const making = useDialog('token', can('enrolment.manage'))
  const [created, setCreated] = useState<EnrolmentTokenCreated | null>(null)
  const refresh = () => void queryClient.invalidateQueries({ queryKey: listEnrolmentTokensQueryKey({ path }) })
  const columns: Column<EnrolmentToken>[] = [
    { key: 'name', title: t('Name'), render: (row) => <span className="font-medium [overflow-wrap:anywhere]">{row.name}</span> },
    { key: 'state', title: t('State'), render: (row) => <TokenState token={row} now={now} /> },
    { key: 'uses', title: t('Used'), align: 'right', render: (row) => <span className="whitespace-nowrap">{row.max_uses === null ? row.uses : `${row.uses} / ${row.max_uses}`}</span> },
    { key: 'labels', title: t('Labels'), wideOnly: true, render: (row) => <Labels labels={row.labels} /> },
    {
      key: 'limits',
      title: t('Limits'),
      wideOnly: true,
      render: (row) => (
        <span className="text-sm text-secondary">
          {[...(row.approval ? [t('to be admitted')] : []), ...row.allowed_addresses].join(', ')}
        </span>
      ),
    },
    { key: 'created', title: t('Made'), wideOnly: true, render: (row) => <span className="whitespace-nowrap text-secondary">{formatAge(row.created_at, now)}</span> },
    { key: 'expires', title: t('Expires'), wideOnly: true, render: (row) => <span className="whitespace-nowrap text-secondary">{formatTime(row.expires_at)}</span> },
    {
      key: 'action',
      title: '',
      align: 'right',
      render: (row) =>
        row.revoked_at === null && (
          <Button variant="danger" onPress={() => revoking.open(row)}>
            {t('Revoke…')}
          </Button>
        ),
    },
  ]
  const make = can('enrolment.manage') && (
    <Button variant="primary" onPress={() => making.open()}>
      <Plus aria-hidden size={14} />
      {t('New token')}
    </Button>
  )
  return (
    <Page title={t('Enrolment')} actions={make}>
      {created !== null && <CreatedToken created={created} onDone={() => setCreated(null)} />}
      {tokens.isPending && <LoadingState />}
      {tokens.error !== null && <ErrorState error={tokens.error} onRetry={() => void tokens.refetch()} />}
      {tokens.isSuccess && items.length === 0 && created === null && (
        <EmptyState title={t('No enrolment tokens')} action={make}>
          {t('A token lets machines join this environment, for a limited time and number of uses.')}
        </EmptyState>
      )}
      {items.length > 0 && <Table label={t('Enrolment tokens')} columns={columns} rows={items} rowKey={(row) => row.id} />}
      {revoking.row !== null && <RevokeDialog token={revoking.row} onClose={revoking.close} onDone={refresh} />}
      {making.isOpen && (
        <TokenDialog
          onClose={making.close}
          onCreated={(token) => {
            making.close()
            setCreated(token)
            refresh()
          }}
        />
      )}
    </Page>
  )
}

function RevokeDialog({ token, onClose, onDone }: { token: EnrolmentToken; onClose: () => void; onDone: () => void }) {
  const { org, env } = useScope()
  const revoke = useMutation({
    mutationFn: async ({ id, etag }: EnrolmentToken) => {
      await revokeEnrolmentToken({ path: { org, env, id }, ...(etag === undefined ? {} : { headers: { 'If-Match': etag } }), throwOnError: true })
    },
    onSuccess: () => {
      onDone()
      onClose()
    },
  })
  return (
    <ConfirmDialog isOpen onClose={onClose} title={t('Revoke {name}?', { name: token.name })} confirmLabel={t('Revoke')} isPending={revoke.isPending} onConfirm={() => revoke.mutate(token)}>
      <p>{t('No machine can join with it any more. Nodes that joined with it stay.')}</p>
      {revoke.error !== null && <InlineError error={revoke.error} />}
    </ConfirmDialog>
  )
}

function Labels({ labels }: { labels: Record<string, string> }) {
  return (
    <span className="flex flex-wrap gap-1">
      {Object.entries(labels).map(([name, value]) => (
        <Tag key={name}>{`${name}=${value}`}</Tag>
      ))}
    </span>
  )
}

function CreatedToken({ created, onDone }: { created: EnrolmentTokenCreated; onDone: () => void }) {
  const [way, setWay] = useState<InstallWay>('systemd')
  return (
    <section aria-label={t('New token')} className="mb-6 flex flex-col gap-2 border-l-2 border-good pl-4">
      <h2 className="font-semibold">{t('Run this on each machine. It is shown only now.')}</h2>
      {/* eslint-disable-next-line house/open-in-address -- the token is shown once, and only here */}
      <TabbedPane
        label={t('Ways to install')}
        value={way}
        onChange={setWay}
        tabs={[
          { id: 'systemd', label: t('systemd') },
          { id: 'container', label: t('Container') },
          { id: 'kubernetes', label: t('Kubernetes') },
          { id: 'foreground', label: t('To try it') },
        ]}
      >
        <CodeBlock label={t('Install command')} text={INSTALL_COMMANDS[way](created)} />
      </TabbedPane>
      <p className="text-secondary">
        {t('The fingerprint of the root key lets the agent refuse any other control plane:')} <code className="[overflow-wrap:anywhere]">{created.root_fingerprint}</code>
      </p>
      <p className="text-secondary">{t('The token alone, for your own automation:')}</p>
      <CodeBlock label={t('Token')} text={created.token} />
      <div>
        <Button onPress={onDone}>{t('I have copied it')}</Button>
      </div>
    </section>
  )
}
