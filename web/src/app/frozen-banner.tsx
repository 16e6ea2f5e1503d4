import { useSuspenseQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Lock } from 'lucide-react'
import { getOrganizationOptions } from '@/api/gen/@tanstack/react-query.gen'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useScope } from './scope'

/** Says on every page why nothing can be changed, while the organisation is suspended or about to be deleted. */
export function FrozenBanner() {
  const { org, env } = useScope()
  const organization = useSuspenseQuery(getOrganizationOptions({ path: { org } })).data
  if (organization.state === 'active') return null
  const why =
    organization.state === 'suspended'
      ? t('This organisation is suspended: {reason}. Everything can be read, nothing changed; nodes go on.', {
          reason: organization.suspended_reason ?? '',
        })
      : t('This organisation will be deleted on {time}. Everything can be read, nothing changed; nodes go on.', {
          time: formatTime(organization.deletion_due_at ?? ''),
        })
  return (
    <div role="status" className="flex items-start gap-2 border-b bg-bad-tint px-4 py-2 text-bad">
      <Lock aria-hidden size={16} className="mt-0.5 shrink-0" />
      <span className="min-w-0 flex-1 [overflow-wrap:anywhere]">{why}</span>
      <Link to="/$org/$env/organization" params={{ org, env }} className="shrink-0 underline underline-offset-2">
        {t('Organisation')}
      </Link>
    </div>
  )
}
