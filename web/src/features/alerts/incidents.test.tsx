import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Incident } from '@/api/gen'
import { client } from '@/api/gen/client.gen'
import { setUpClient } from '@/app/api'
import { Toasts } from '@/ui/toast'
import { Incidents } from './incidents'
import { useIncidents } from './use-incidents'

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }), useCan: () => (name: string) => name === 'alert.manage' }))

function incident(id: string, summary: string): Incident {
  return {
    ...{ id, summary, rule_id: 'r', rule_name: 'Silence', kind: 'node_silent', component: '', state: 'open' },
    ...{ node_id: null, node_name: null, pipeline_id: null, pipeline_name: null },
    ...{ opened_at: '2026-01-01T00:00:00Z', resolved_at: null, acknowledged_at: null, acknowledged_by: '' },
  }
}

/** Two open incidents. What is asked of it waits until the test lets it answer. */
class Server {
  incidents = [incident('1', 'edge-1 is silent'), incident('2', 'edge-2 is silent')]
  /** One on a later page of the list. */
  far: Incident | null = null
  refuses = false
  asked = 0
  addresses: string[] = []
  release: () => void = () => undefined
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    this.addresses.push(new URL(request.url).pathname)
    if (request.url.endsWith('/session')) return answer({ account: { id: 'a', email: 'ann@example.com', name: 'Ann' } })
    if (request.method === 'GET' && request.url.endsWith('/incidents/far')) return this.far === null ? answer({ type: 'urn:x', title: 'No', status: 404 }, 404) : answer(this.far)
    if (request.method === 'GET') return answer({ items: this.incidents, next_cursor: null })
    this.asked += 1
    await new Promise<void>((resolve) => (this.release = resolve))
    if (this.refuses) return answer({ type: 'urn:x', title: 'Not now', detail: 'The database is read only.', status: 503 }, 503)
    const id = request.url.split('/').at(-2)
    // The server's own name for the person, so that a test can tell its answer from the guess.
    this.incidents = this.incidents.map((each) => (each.id === id ? { ...each, acknowledged_at: '2026-01-01T00:01:00Z', acknowledged_by: 'Ann of acme' } : each))
    return answer(this.incidents.find((each) => each.id === id))
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

function AllIncidents({ chosen }: { chosen: string | undefined }) {
  return <Incidents list={useIncidents(undefined)} state={undefined} chosen={chosen} hasRules />
}

const show = (chosen?: string) =>
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <AllIncidents chosen={chosen} />
      <Toasts />
    </QueryClientProvider>,
  )

/** Shows the incidents and takes the first; the server has not answered yet. */
const takeFirst = async () => {
  show()
  const row = async (words: string) => {
    const found = (await screen.findByText(words, { exact: false })).closest('[role="row"], tr')
    if (!(found instanceof HTMLElement)) throw new Error(`no row says ${words}`)
    return within(found)
  }
  const first = await row('edge-1 is silent')
  await userEvent.setup().click(first.getByRole('button', { name: 'I look after it' }))
  await waitFor(() => expect(server.asked).toBe(1))
  return { first, second: await row('edge-2 is silent') }
}

it('shows who looks after an incident before the server has answered, and then what the server says', async () => {
  const { first, second } = await takeFirst()
  expect(first.getByText('Ann looks after it')).toBeTruthy()
  expect(first.getByText('taken')).toBeTruthy()
  expect(second.getByText('open')).toBeTruthy()
  expect(server.incidents[0]?.acknowledged_at).toBeNull()
  server.release()
  expect(await first.findByText('Ann of acme looks after it')).toBeTruthy()
}, 30_000)

it('puts an incident back that the server did not give, and says why', async () => {
  server.refuses = true
  const { first } = await takeFirst()
  expect(first.getByText('Ann looks after it')).toBeTruthy()
  server.release()
  expect(await screen.findByText('The database is read only.')).toBeTruthy()
  expect(await first.findByRole('button', { name: 'I look after it' })).toBeTruthy()
  expect(first.getByText('open')).toBeTruthy()
}, 30_000)

it('shows an incident that the link names first, on whichever page of the list it stands, and lets it be taken', async () => {
  server.far = incident('far', 'edge-900 is silent')
  show('far')
  await waitFor(() => expect(screen.getAllByRole('row')[1]?.textContent).toContain('edge-900 is silent'))
  expect(screen.getAllByRole('row')).toHaveLength(4)
  await userEvent.setup().click(screen.getAllByRole('button', { name: 'I look after it' })[0] as HTMLElement)
  expect(await screen.findByText('Ann looks after it')).toBeTruthy()
}, 30_000)

it('says that the incident of a link is not there', async () => {
  show('far')
  expect(await screen.findByText('The incident that the link names is not there any more: it went with its rule.')).toBeTruthy()
  expect(screen.getAllByRole('row')).toHaveLength(3)
}, 30_000)

it('asks for no incident that the list shows', async () => {
  show('2')
  expect(await screen.findByText('edge-2 is silent')).toBeTruthy()
  expect(server.addresses.filter((each) => each.endsWith('/incidents/2'))).toEqual([])
  expect(screen.getAllByRole('row')).toHaveLength(3)
}, 30_000)
