import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from '@tanstack/react-router'
import { act, cleanup, configure, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Rollout, RolloutCounts, RolloutNode } from '@/api/gen'
import { client } from '@/api/gen/client.gen'
import { setUpClient } from '@/app/api'
import { rolloutSearch } from '@/app/search'
import { RolloutPage } from './rollout-page'

// A router draws its first page a moment later than a component alone, and on a busy machine a long one.
configure({ asyncUtilTimeout: 20_000 })

let tell: () => void = () => undefined

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }), useCan: () => () => false }))
vi.mock('@/features/live/hooks', () => ({
  useLiveState: () => 'open',
  useLiveTopic: (_topic: string, listener: () => void) => {
    tell = listener
  },
}))

const NONE: RolloutCounts = { waiting: 0, assigned: 0, applied: 0, refused: 0, crashed: 0, silent: 0, kept: 0 }

function countsOf(nodes: RolloutNode[]): RolloutCounts {
  const counts = { ...NONE }
  for (const node of nodes) counts[node.state] += 1
  return counts
}

/** A rollout to 250 nodes in two batches; the third of the first batch has refused it. */
class Server {
  nodes: RolloutNode[] = Array.from({ length: 250 }, (_, index) => ({
    ...{ id: String(index + 1), name: `edge-${String(index + 1).padStart(3, '0')}`, batch: index < 60 ? 1 : 2, revision: 2, report: null },
    state: index < 60 ? 'applied' : 'waiting',
  }))
  asked: string[] = []

  constructor() {
    const report = { kind: 'refused', at: '2026-01-01T00:00:00Z', reason: 'config-invalid', message: 'no such option', engine_output: ['unknown field `colour`'] }
    Object.assign(this.nodes[2] ?? {}, { state: 'refused', report })
  }

  readonly fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const url = new URL(new Request(input, init).url)
    const answer = (body: unknown) => Promise.resolve(new Response(JSON.stringify(body), { status: 200, headers: { 'content-type': 'application/json' } }))
    if (!url.pathname.endsWith('/nodes')) return answer(this.rollout())
    const [states, batch, start] = [url.searchParams.getAll('state'), url.searchParams.get('batch'), Number(url.searchParams.get('cursor') ?? 0)]
    this.asked.push(`${states.join('+')}@${start}`)
    const limit = Number(url.searchParams.get('limit'))
    const found = this.nodes.filter((node) => (states.length === 0 || states.includes(node.state)) && (batch === null || node.batch === Number(batch)))
    return answer({ items: found.slice(start, start + limit), next_cursor: found.length > start + limit ? String(start + limit) : null })
  }

  private rollout(): Rollout {
    return {
      ...{ id: 'r', pipeline: { id: 'p', name: 'Access log' }, revision: 2, previous_revision: 1, message: '', state: 'running', reason: null },
      ...{ created_at: '2026-01-01T00:00:00Z', created_by: 'Ann', finished_at: null, batch_size: 60, selector: '', group_id: null, batches_done: 0 },
      ...{ timeout_seconds: 60, watch_seconds: 10, counts: countsOf(this.nodes) },
      batches: [1, 2].map((batch) => ({ batch, counts: countsOf(this.nodes.filter((node) => node.batch === batch)) })),
    }
  }
}

let server: Server
setUpClient()
client.setConfig({ baseUrl: 'http://localhost' })

beforeEach(() => {
  server = new Server()
  vi.stubGlobal('fetch', server.fetch)
  vi.stubGlobal('matchMedia', () => Object.assign(new EventTarget(), { matches: false }))
})
afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

/** Shows the page at an address and returns the address as it is later. */
async function show(search = '') {
  const root = createRootRoute()
  const signedIn = createRoute({ getParentRoute: () => root, id: 'signed-in' })
  const scoped = createRoute({ getParentRoute: () => signedIn, path: '$org/$env' })
  const page = createRoute({ getParentRoute: () => scoped, path: '/rollouts/$rolloutId', validateSearch: rolloutSearch, component: RolloutPage })
  const router = createRouter({
    routeTree: root.addChildren([signedIn.addChildren([scoped.addChildren([page])])]),
    history: createMemoryHistory({ initialEntries: [`/acme/dev/rollouts/r${search}`] }),
  })
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  )
  await screen.findByRole('heading', { name: 'Nodes' })
  return () => router.state.location.search
}

function section(heading: string): HTMLElement {
  const found = screen.getByRole('heading', { name: heading }).closest('section')
  if (found === null) throw new Error(`no section ${heading}`)
  return found
}

/** The names of the nodes in a section. */
const named = (heading: string) => within(section(heading)).queryAllByRole('link').map((link) => link.textContent)

it('shows a page of nodes after those that need a look, and further pages when they are asked for', async () => {
  await show()
  await waitFor(() => expect(named('Nodes')).toHaveLength(100))
  expect(named('Need a look')).toEqual(['edge-003'])
  expect(screen.getByLabelText('Output of the engine on edge-003').textContent).toBe('unknown field `colour`')
  expect(screen.getByText('59 of 250 nodes have applied it')).toBeTruthy()
  const lines = within(section('Batches')).getAllByRole('listitem')
  expect(lines.map((line) => line.textContent)).toEqual(['Batch 160 nodes59 applied1 refused', 'Batch 2190 nodes190 wait'])
  expect(server.asked.sort()).toEqual(['@0', 'refused+crashed+silent@0'])
  const more = within(section('Nodes')).getByRole('button', { name: 'Load more' })
  await userEvent.click(more)
  await waitFor(() => expect(named('Nodes')).toHaveLength(200))
  expect(within(section('Need a look')).queryByRole('button')).toBeNull()
  await userEvent.click(more)
  await waitFor(() => expect(named('Nodes')).toHaveLength(250))
  expect(within(section('Nodes')).queryByRole('button', { name: 'Load more' })).toBeNull()
})

it('reads the open pages anew when the rollout has changed, and nothing when it has not', async () => {
  await show()
  await waitFor(() => expect(named('Nodes')).toHaveLength(100))
  await userEvent.click(within(section('Nodes')).getByRole('button', { name: 'Load more' }))
  await waitFor(() => expect(named('Nodes')).toHaveLength(200))
  server.asked = []
  act(() => tell())
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(server.asked).toEqual([])
  server.nodes = server.nodes.map((node) => (node.id === '150' ? { ...node, state: 'silent' } : node))
  act(() => tell())
  await waitFor(() => expect(named('Need a look')).toEqual(['edge-003', 'edge-150']))
  await waitFor(() => expect(within(section('Nodes')).getByText('edge-150').closest('li')?.textContent).toContain('Silent'))
  expect(server.asked.sort()).toEqual(['@0', '@100', 'refused+crashed+silent@0'])
})

it('takes state and batch from the address, and writes what is chosen there', async () => {
  const search = await show('?state=applied&batch=1')
  await waitFor(() => expect(named('Nodes')).toHaveLength(59))
  expect(server.asked).toContain('applied@0')
  await userEvent.click(within(section('Nodes')).getByRole('button', { name: /State/ }))
  await userEvent.click(await screen.findByRole('option', { name: /Crashed/ }))
  await waitFor(() => expect(named('Nodes')).toEqual([]))
  expect(search()).toEqual({ state: 'crashed', batch: 1 })
  expect(await screen.findByText('No node matches')).toBeTruthy()
})
