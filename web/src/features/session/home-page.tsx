import { useQuery } from '@tanstack/react-query'
import { Navigate, useSearch } from '@tanstack/react-router'
import { getSessionOptions, listEnvironmentsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { t } from '@/lib/i18n'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'

/** Leads to the first environment of the wanted, or the first, organisation. */
export function HomePage() {
  const wanted = useSearch({ from: '/signed-in/' }).org
  const session = useQuery(getSessionOptions()).data
  const org = (session?.organizations.find((each) => each.slug === wanted) ?? session?.organizations[0])?.slug
  const environments = useQuery({ ...listEnvironmentsOptions({ path: { org: org ?? '' } }), enabled: org !== undefined })
  if (session !== undefined && org === undefined) {
    return (
      <main>
        <EmptyState title={t('You belong to no organisation yet')}>
          {t('Ask an owner to invite {email}.', { email: session.account.email })}
        </EmptyState>
      </main>
    )
  }
  const first = [...(environments.data?.items ?? [])].sort((a, b) => a.position - b.position)[0]
  if (org !== undefined && first !== undefined) {
    return <Navigate to="/$org/$env/pipelines" params={{ org, env: first.slug }} replace />
  }
  return (
    <main className="mx-auto max-w-7xl px-6 py-6">
      {environments.error !== null && <ErrorState error={environments.error} onRetry={() => void environments.refetch()} />}
      {environments.data !== undefined && (
        <EmptyState title={t('No environment yet')}>{t('Ask an administrator to make one, or to let you see one.')}</EmptyState>
      )}
      {environments.isPending && <LoadingState />}
    </main>
  )
}
