import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { listEnvironmentsOptions, listPipelinesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { entries } from '@/app/pages'
import { t } from '@/lib/i18n'
import type { Command } from './registry'
import { usePageOffers } from './registry'

/** Everything that can be done from here: the page's actions, pages, pipelines (found by the server), environments. */
export function useCommands(query: string): Command[] {
  const { org, env } = useScope()
  const can = useCan()
  const navigate = useNavigate()
  const offers = usePageOffers()
  const { pipelineId } = useParams({ strict: false })
  const path = { org, env }
  const found = useQuery(listPipelinesOptions({ path, query: { limit: 20, ...(query === '' ? {} : { q: query }) } })).data?.items ?? []
  const environments = useQuery(listEnvironmentsOptions({ path: { org } })).data?.items ?? []
  const pages = entries().map(({ to, label, permission }): Command => ({
    id: to,
    label,
    group: 'pages',
    refusal: permission !== undefined && !can(permission) ? t('You may not see this here.') : null,
    run: () => void navigate({ to, params: { org, env } }),
  }))
  const pipelines = found.map((each): Command => ({
    id: each.id,
    label: each.name,
    group: 'pipelines',
    run: () => void navigate({ to: '/$org/$env/pipelines/$pipelineId', params: { org, env, pipelineId: each.id } }),
  }))
  const places = environments.map((each): Command => ({
    id: `env:${each.slug}`,
    label: each.name,
    hint: each.team.name,
    group: 'environments',
    refusal: each.slug === env ? t('You are here.') : null,
    run: () => void navigate({ to: '/$org/$env/pipelines', params: { org, env: each.slug } }),
  }))
  // Found from everywhere; where no pipeline is open it says what to do first.
  const deploy: Command = {
    id: 'deploy',
    label: t('Deploy…'),
    group: 'actions',
    refusal: pipelineId === undefined ? t('Open a pipeline first.') : can('pipeline.deploy') ? null : t('You may not deploy in this environment.'),
    run: () => pipelineId !== undefined && void navigate({ to: '/$org/$env/pipelines/$pipelineId/deploy', params: { org, env, pipelineId } }),
  }
  return [...offers, ...pages, ...pipelines, ...places, ...(offers.some((each) => each.id === deploy.id) ? [] : [deploy])]
}
