import { Link, useRouter } from '@tanstack/react-router'
import { t } from '@/lib/i18n'
import { ApiError } from '@/lib/problem'
import { buttonClass } from '@/ui/button'
import { EmptyState, ErrorState } from '@/ui/states'

/** An address that leads nowhere, or to something that this person may not see. */
export function NotFoundPage() {
  return (
    <main className="flex-1">
      <h1 className="sr-only">{t('Not found')}</h1>
      <EmptyState
        title={t('Nothing here')}
        action={
          <Link to="/" className={buttonClass('primary')}>
            {t('Go to the start')}
          </Link>
        }
      >
        {t('This address does not exist, or you may not see what it names.')}
      </EmptyState>
    </main>
  )
}

/** A page whose data could not be had. */
export function RouteError({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const router = useRouter()
  if (error instanceof ApiError && error.status === 404) return <NotFoundPage />
  const retry = () => {
    onRetry()
    void router.invalidate()
  }
  return (
    <main className="flex-1">
      <h1 className="sr-only">{t('Error')}</h1>
      <ErrorState error={error} onRetry={retry} />
    </main>
  )
}
