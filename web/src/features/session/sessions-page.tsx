import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { listSessionsOptions, listSessionsQueryKey, revokeSessionMutation } from '@/api/gen/@tanstack/react-query.gen'
import type { SessionInfo } from '@/api/gen'
import { formatAge, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useTimeZone } from '@/lib/time-zone'
import { useNow } from '@/lib/now'
import { Button } from '@/ui/button'
import { Page } from '@/ui/page'
import { ErrorState, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notify, notifyError } from '@/ui/toast'
import { browserLabel } from './browser-label'

/** Where one is signed in, and the way to end it there. */
export function SessionsPage() {
  useTimeZone()
  const sessions = useQuery(listSessionsOptions())
  const queryClient = useQueryClient()
  const now = useNow(10_000)
  const revoke = useMutation({
    ...revokeSessionMutation(),
    onSuccess: () => {
      notify(t('That session is signed out.'))
      void queryClient.invalidateQueries({ queryKey: listSessionsQueryKey() })
    },
    onError: notifyError,
  })
  const columns: Column<SessionInfo>[] = [
    { key: 'agent', title: t('Browser'), render: (row) => <span className="line-clamp-2 py-1 [overflow-wrap:anywhere]" title={row.user_agent ?? undefined}>{browserLabel(row.user_agent)}</span> },
    { key: 'address', title: t('Address'), render: (row) => <span className="font-mono text-sm">{row.address ?? '–'}</span>, wideOnly: true },
    { key: 'created', title: t('Signed in'), render: (row) => formatTime(row.created_at), wideOnly: true },
    { key: 'seen', title: t('Last used'), render: (row) => <span className="whitespace-nowrap">{formatAge(row.last_seen_at, now)}</span> },
    {
      key: 'action',
      title: '',
      align: 'right',
      render: (row) =>
        row.current ? (
          <span className="whitespace-nowrap text-good">{t('this browser')}</span>
        ) : (
          <Button variant="danger" isDisabled={revoke.isPending} onPress={() => revoke.mutate({ path: { id: row.id } })}>
            {t('Sign out')}
          </Button>
        ),
    },
  ]
  return (
    <Page title={t('Sessions')} subtitle={t('Where you are signed in. End what you do not recognise.')}>
      {sessions.isPending && <LoadingState />}
      {sessions.error !== null && <ErrorState error={sessions.error} onRetry={() => void sessions.refetch()} />}
      {sessions.data !== undefined && <Table label={t('Sessions')} columns={columns} rows={sessions.data.items} rowKey={(row) => row.id} />}
    </Page>
  )
}
