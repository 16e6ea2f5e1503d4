import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Building2, Check, ChevronsUpDown, Layers } from 'lucide-react'
import { getSessionOptions, listEnvironmentsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Menu } from '@/ui/menu'
import { useScope } from './scope'

/** Switches organisation and environment; both stand in the address, so a shared link opens the same place. */
export function ScopeSwitcher() {
  const { org, env } = useScope()
  const navigate = useNavigate()
  const session = useQuery(getSessionOptions()).data
  const environments = useQuery(listEnvironmentsOptions({ path: { org } })).data?.items ?? []
  const organizations = session?.organizations ?? []
  const organizationName = organizations.find((each) => each.slug === org)?.name ?? org
  const environmentName = environments.find((each) => each.slug === env)?.name ?? env
  return (
    <div className="flex min-w-0 items-center gap-0.5 max-sm:flex-1">
      <Menu
        label={t('Organisation')}
        trigger={
          <Button variant="quiet" aria-label={t('Organisation: {name}', { name: organizationName })} className="min-w-0 shrink! max-sm:px-1!">
            <Building2 aria-hidden size={14} className="shrink-0 max-sm:hidden" />
            <span className="truncate text-text" title={t('Organisation: {name}', { name: organizationName })}>
              {organizationName}
            </span>
            <ChevronsUpDown aria-hidden size={13} />
          </Button>
        }
        actions={organizations.map((each) => ({
          id: each.slug,
          label: each.name,
          hint: each.role.toLowerCase(),
          ...(each.slug === org ? { icon: <Check size={14} /> } : {}),
          onAction: () => void navigate({ to: '/', search: { org: each.slug } }),
        }))}
      />
      <span aria-hidden className="text-secondary">
        /
      </span>
      <Menu
        label={t('Environment')}
        trigger={
          <Button variant="quiet" aria-label={t('Environment: {name}', { name: environmentName })} className="min-w-0 shrink! max-sm:px-1!">
            <Layers aria-hidden size={14} className="shrink-0 max-sm:hidden" />
            <span className="truncate text-text" title={t('Environment: {name}', { name: environmentName })}>
              {environmentName}
            </span>
            <ChevronsUpDown aria-hidden size={13} />
          </Button>
        }
        actions={[...environments]
          .sort((a, b) => a.position - b.position)
          .map((each) => ({
            id: each.slug,
            label: each.name,
            hint: each.team.name,
            ...(each.slug === env ? { icon: <Check size={14} /> } : {}),
            onAction: () => void navigate({ to: '/$org/$env/pipelines', params: { org, env: each.slug } }),
          }))}
      />
    </div>
  )
}
