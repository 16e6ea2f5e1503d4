import { CircleAlert, Clock, LockKeyhole } from 'lucide-react'
import type { ReactNode } from 'react'
import { formatDuration } from '@/lib/format'
import { t } from '@/lib/i18n'
import { describeError, fieldErrors, isForbidden, isUnreachable } from '@/lib/problem'
import { Button } from './button'

/** What stands where a list would, with the next thing to do. */
export function EmptyState({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-2 px-6 py-16 text-center">
      <h2 className="text-lg font-semibold">{title}</h2>
      {children != null && <div className="text-secondary">{children}</div>}
      {action != null && <div className="mt-3 flex gap-2">{action}</div>}
    </div>
  )
}

/** Grey rows while the first answer is on its way. */
export function LoadingState({ rows = 6 }: { rows?: number }) {
  return (
    <div role="status" aria-label={t('Loading')} className="flex flex-col gap-2 py-3">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="h-6 animate-pulse rounded-md bg-hover" style={{ width: `${96 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  )
}

/** An error as the server told it, with its id and a way to try again, unless that cannot help. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  if (isForbidden(error)) return <ForbiddenState error={error} />
  const { title, detail, id } = describeError(error)
  return (
    <div role="alert" className="mx-auto flex max-w-lg flex-col items-center gap-2 px-6 py-14 text-center">
      <CircleAlert aria-hidden size={20} className="text-bad" />
      <h2 className="text-lg font-semibold">{title}</h2>
      {detail !== '' && detail !== title && <p className="text-secondary [overflow-wrap:anywhere]">{detail}</p>}
      {id !== null && <ErrorId id={id} />}
      {onRetry !== undefined && (
        <Button className="mt-2" onPress={onRetry}>
          {t('Try again')}
        </Button>
      )}
    </div>
  )
}

/** What somebody may not see: which permission it needs, and who can give it. Asking again would not. */
function ForbiddenState({ error }: { error: unknown }) {
  return (
    <div role="alert" className="mx-auto flex max-w-lg flex-col items-center gap-2 px-6 py-14 text-center">
      <LockKeyhole aria-hidden size={20} className="text-secondary" />
      <h2 className="text-lg font-semibold">{t('You may not see this')}</h2>
      <p className="text-secondary [overflow-wrap:anywhere]">{describeError(error).detail}</p>
    </div>
  )
}

/** An error beside the thing that failed. */
export function InlineError({ error }: { error: unknown }) {
  const { title, detail, id } = describeError(error)
  const fields = fieldErrors(error)
  return (
    <div role="alert" className="flex gap-2 rounded-md bg-bad-tint px-3 py-2 text-bad">
      <CircleAlert aria-hidden size={16} className="mt-0.5 shrink-0" />
      <div className="min-w-0 [overflow-wrap:anywhere]">
        <span className="font-medium">{detail === '' ? title : isUnreachable(error) ? `${title}. ${detail}` : detail}</span>
        {fields.length > 0 && (
          <ul className="my-0.5">
            {fields.map((each) => (
              <li key={`${each.field} ${each.message}`}>
                <code className="font-mono text-sm">{each.field}</code>: {each.message}
              </li>
            ))}
          </ul>
        )}
        {id !== null && <ErrorId id={id} />}
      </div>
    </div>
  )
}

function ErrorId({ id }: { id: string }) {
  return (
    <div className="text-sm">
      {t('Id for support:')} <code className="font-mono select-all">{id}</code>
    </div>
  )
}

/** Says how old the data is; nothing when it is fresh. */
export function StaleNote({ seconds }: { seconds: number | null | undefined }) {
  if (seconds == null || seconds < 1) return null
  return (
    <span className="inline-flex items-center gap-1 rounded-md bg-warn-tint px-1.5 text-sm font-medium text-warn">
      <Clock aria-hidden size={12} />
      {t('Data is {age} old', { age: formatDuration(seconds) })}
    </span>
  )
}
