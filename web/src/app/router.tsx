import type { QueryClient } from '@tanstack/react-query'
import type { AnyRoute } from '@tanstack/react-router'
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router'
import type { TemplateListed } from '@/api/gen'
import { getCatalogueOptions, getOrganizationOptions, getPipelineOptions, getSessionOptions, listEnvironmentsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { ApiError } from '@/lib/problem'
import { LoadingState } from '@/ui/states'
import { setCsrfToken } from './api'
import { NotFoundPage, RouteError } from './not-found'
import type { ChartSearch, ImportSearch, VaultTab } from './search'
import { auditSearch, chartSearch, dialogSearch, editorSearch, nodeSearch, rolloutSearch, text, VAULT_TABS } from './search'
import { Shell } from './shell'
import type { Range } from '@/features/charts/range'
import { rangeOf } from '@/features/charts/range'
import type { Zoom } from '@/features/charts/zoom'
import { zoomOf } from '@/features/charts/zoom'
import { logsSearch } from '@/features/logs/search'

type RouterContext = { queryClient: QueryClient }

const root = createRootRouteWithContext<RouterContext>()({ component: Outlet })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search): { next?: string } => {
    const next = text(search.next)
    // Only a path of this site: never another host.
    return next !== undefined && /^\/(?![/\\])/.test(next) ? { next } : {}
  },
  component: lazyRouteComponent(() => import('@/features/session/sign-in-page'), 'SignInPage'),
})

const design = createRoute({
  getParentRoute: () => root,
  path: '/design',
  component: lazyRouteComponent(() => import('@/features/design/design-page'), 'DesignPage'),
})

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ context, location }) => {
    try {
      const session = await context.queryClient.ensureQueryData(getSessionOptions())
      setCsrfToken(session.csrf_token)
      return { session }
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        throw redirect({ to: '/sign-in', search: { next: location.href } })
      }
      throw error
    }
  },
  component: Outlet,
})

const home = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  validateSearch: (search): { org?: string } => ({ org: text(search.org) }),
  component: lazyRouteComponent(() => import('@/features/session/home-page'), 'HomePage'),
})

const scoped = createRoute({
  getParentRoute: () => signedIn,
  path: '/$org/$env',
  validateSearch: dialogSearch,
  loader: async ({ context, params }) => {
    const path = { org: params.org }
    await Promise.all([
      context.queryClient.ensureQueryData(getOrganizationOptions({ path })),
      context.queryClient.ensureQueryData(listEnvironmentsOptions({ path })),
    ])
  },
  component: Shell,
})

const scopedIndex = createRoute({
  getParentRoute: () => scoped,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/$org/$env/pipelines', params })
  },
})

/** The filter of the list of pipelines; `tags` are separated by commas. */
export type PipelineSearch = { q?: string; folder?: string; tags?: string }

const pipelines = createRoute({
  getParentRoute: () => scoped,
  path: '/pipelines',
  validateSearch: (search): PipelineSearch => ({ q: text(search.q), folder: text(search.folder), tags: text(search.tags) }),
  component: lazyRouteComponent(() => import('@/features/pipelines/list-page'), 'PipelineListPage'),
})

const templates = createRoute({
  getParentRoute: () => scoped,
  path: '/templates',
  validateSearch: (search): { q?: string | undefined; category?: TemplateListed['category'] | undefined } => ({
    q: text(search.q),
    category: (['own', 'pattern', 'protection'] as const).find((category) => category === search.category),
  }),
  component: lazyRouteComponent(() => import('@/features/templates/templates-page'), 'TemplatesPage'),
})

const importing = createRoute({
  getParentRoute: () => scoped,
  path: '/import',
  validateSearch: (search): ImportSearch => ({ into: text(search.into), node: text(search.node), vector: text(search.vector) }),
  component: lazyRouteComponent(() => import('@/features/importing/import-page'), 'ImportPage'),
})

const template = createRoute({
  getParentRoute: () => scoped,
  path: '/templates/$templateId',
  component: lazyRouteComponent(() => import('@/features/templates/template-page'), 'TemplatePage'),
})

const editor = createRoute({
  getParentRoute: () => scoped,
  path: '/pipelines/$pipelineId',
  validateSearch: editorSearch,
  // What the editor needs comes while its code is loaded; a failure is told by the page, which asks again.
  loader: ({ context: { queryClient }, params: { org, env, pipelineId }, cause }) => {
    if (cause === 'stay') return
    void queryClient.prefetchQuery(getPipelineOptions({ path: { org, env, id: pipelineId } }))
    void queryClient.prefetchQuery({ ...getCatalogueOptions(), staleTime: Infinity })
  },
  component: lazyRouteComponent(() => import('@/features/editor/editor-page'), 'EditorPage'),
})

const revisions = createRoute({
  getParentRoute: () => scoped,
  path: '/pipelines/$pipelineId/revisions',
  validateSearch: (search): { from?: string; to?: string } => ({ from: text(search.from), to: text(search.to) }),
  component: lazyRouteComponent(() => import('@/features/pipelines/revisions-page'), 'RevisionsPage'),
})

/** What pages of charts show: of which time, and which charts as tables. */
type TimeSearch = { range?: Range } & Partial<Zoom> & ChartSearch
const timeSearch = (search: Record<string, unknown>): TimeSearch => ({ range: rangeOf(search.range), ...zoomOf(search), ...chartSearch(search) })

const metrics = createRoute({
  getParentRoute: () => scoped,
  path: '/pipelines/$pipelineId/metrics',
  validateSearch: (search): TimeSearch & { component?: string } => ({ component: text(search.component), ...timeSearch(search) }),
  component: lazyRouteComponent(() => import('@/features/metrics/metrics-page'), 'MetricsPage'),
})

const deploy = createRoute({
  getParentRoute: () => scoped,
  path: '/pipelines/$pipelineId/deploy',
  validateSearch: (search): { revision?: number; target?: string } => {
    const revision = Number(search.revision)
    return { target: text(search.target), ...(Number.isInteger(revision) && revision > 0 ? { revision } : {}) }
  },
  component: lazyRouteComponent(() => import('@/features/deploy/deploy-page'), 'DeployPage'),
})

const rollouts = createRoute({
  getParentRoute: () => scoped,
  path: '/rollouts',
  validateSearch: (search): { pipeline?: string } => ({ pipeline: text(search.pipeline) }),
  component: lazyRouteComponent(() => import('@/features/rollouts/list-page'), 'RolloutListPage'),
})

const rollout = createRoute({
  getParentRoute: () => scoped,
  path: '/rollouts/$rolloutId',
  validateSearch: rolloutSearch,
  component: lazyRouteComponent(() => import('@/features/rollouts/rollout-page'), 'RolloutPage'),
})

const nodes = createRoute({
  getParentRoute: () => scoped,
  path: '/nodes',
  validateSearch: nodeSearch,
  component: lazyRouteComponent(() => import('@/features/nodes/list-page'), 'NodeListPage'),
})

const node = createRoute({
  getParentRoute: () => scoped,
  path: '/nodes/$nodeId',
  validateSearch: timeSearch,
  component: lazyRouteComponent(() => import('@/features/nodes/node-page'), 'NodePage'),
})

const groups = createRoute({
  getParentRoute: () => scoped,
  path: '/groups',
  component: lazyRouteComponent(() => import('@/features/groups/groups-page'), 'GroupsPage'),
})

const engines = createRoute({
  getParentRoute: () => scoped,
  path: '/engines',
  component: lazyRouteComponent(() => import('@/features/engines/engines-page'), 'EnginesPage'),
})

const updates = createRoute({
  getParentRoute: () => scoped,
  path: '/updates',
  component: lazyRouteComponent(() => import('@/features/updates/updates-page'), 'UpdatesPage'),
})

const enrolment = createRoute({
  getParentRoute: () => scoped,
  path: '/enrolment',
  component: lazyRouteComponent(() => import('@/features/enrolment/enrolment-page'), 'EnrolmentPage'),
})

const secrets = createRoute({
  getParentRoute: () => scoped,
  path: '/secrets',
  validateSearch: (search): { tab?: VaultTab } => ({ tab: VAULT_TABS.find((each) => each === search.tab) }),
  component: lazyRouteComponent(() => import('@/features/vault/vault-page'), 'VaultPage'),
})

const rules = createRoute({
  getParentRoute: () => scoped,
  path: '/rules',
  component: lazyRouteComponent(() => import('@/features/rules/rules-page'), 'RulesPage'),
})

const alerts = createRoute({
  getParentRoute: () => scoped,
  path: '/alerts',
  validateSearch: (search): { show?: 'all'; incident?: string } => ({
    ...(search.show === 'all' ? { show: 'all' as const } : {}),
    ...(text(search.incident) === undefined ? {} : { incident: String(search.incident) }),
  }),
  component: lazyRouteComponent(() => import('@/features/alerts/alerts-page'), 'AlertsPage'),
})

const captures = createRoute({
  getParentRoute: () => scoped,
  path: '/captures',
  component: lazyRouteComponent(() => import('@/features/taps/captures-page'), 'CapturesPage'),
})

const logs = createRoute({
  getParentRoute: () => scoped,
  path: '/logs',
  validateSearch: logsSearch,
  component: lazyRouteComponent(() => import('@/features/logs/logs-page'), 'LogsPage'),
})

const encryption = createRoute({
  getParentRoute: () => scoped,
  path: '/encryption',
  component: lazyRouteComponent(() => import('@/features/encryption/encryption-page'), 'EncryptionPage'),
})

const audit = createRoute({
  getParentRoute: () => scoped,
  path: '/audit',
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import('@/features/audit/audit-page'), 'AuditPage'),
})

const organization = createRoute({
  getParentRoute: () => scoped,
  path: '/organization',
  component: lazyRouteComponent(() => import('@/features/organization/organization-page'), 'OrganizationPage'),
})

const sessions = createRoute({
  getParentRoute: () => scoped,
  path: '/account/sessions',
  component: lazyRouteComponent(() => import('@/features/session/sessions-page'), 'SessionsPage'),
})

const routeTree = root.addChildren([
  signIn,
  design,
  signedIn.addChildren([
    home,
    scoped.addChildren([
      scopedIndex,
      pipelines,
      templates,
      template,
      importing,
      editor,
      revisions,
      metrics,
      deploy,
      rollouts,
      rollout,
      nodes,
      node,
      groups,
      engines,
      updates,
      enrolment,
      secrets,
      rules,
      encryption,
      alerts,
      captures,
      logs,
      audit,
      organization,
      sessions,
    ]),
  ]),
])

/** Builds the router over a query client. */
export function buildRouter(queryClient: QueryClient) {
  const router = createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultNotFoundComponent: NotFoundPage,
    defaultErrorComponent: ({ error, reset }) => <RouteError error={error} onRetry={reset} />,
    defaultPendingComponent: () => (
      <div className="mx-auto w-full max-w-7xl px-6 py-6">
        <LoadingState />
      </div>
    ),
  })
  // The code of the first page is fetched while the server is asked who is here.
  const routes: Record<string, AnyRoute | undefined> = router.routesById
  const matches: { routeId: string }[] = router.matchRoutes(router.latestLocation)
  for (const { routeId } of matches) {
    const route = routes[routeId]
    if (route !== undefined) void router.loadRouteChunk(route)?.catch(() => undefined)
  }
  return router
}

export type AppRouter = ReturnType<typeof buildRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: AppRouter
  }
}
