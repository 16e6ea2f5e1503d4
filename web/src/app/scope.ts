import { useSuspenseQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { getOrganizationOptions, listEnvironmentsOptions } from '@/api/gen/@tanstack/react-query.gen'

export type Scope = { org: string; env: string }

/** The organisation and the environment that the address names. */
export function useScope(): Scope {
  const { org = '', env = '' } = useParams({ strict: false })
  return { org, env }
}

/** Which permissions the signed-in person has here: those of the organisation and of the environment. */
export function useCan(): (permission: string) => boolean {
  const { org, env } = useScope()
  const organization = useSuspenseQuery(getOrganizationOptions({ path: { org } })).data
  const environments = useSuspenseQuery(listEnvironmentsOptions({ path: { org } })).data
  const environment = environments.items.find((each) => each.slug === env)
  return (permission) =>
    organization.permissions.includes(permission) || (environment?.permissions.includes(permission) ?? false)
}
