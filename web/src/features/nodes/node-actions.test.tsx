import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { NodeDetail } from '@/api/gen'
import { client } from '@/api/gen/client.gen'
import { getNodeOptions } from '@/api/gen/@tanstack/react-query.gen'
import { setUpClient } from '@/app/api'
import { pageAt } from '@/app/at-address'
import { Toasts } from '@/ui/toast'
import { NodeActions } from './node-actions'

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }), useCan: () => (name: string) => name !== 'node.decommission' }))

const MAINTENANCE = { until: null, note: 'new disk' } as NodeDetail['maintenance']

/** One node under maintenance. What is asked of it waits until the test lets it answer. */
class Server {
  node: Partial<NodeDetail> = { id: '1', name: 'edge-1', status: 'healthy', assignments: [], maintenance: MAINTENANCE, in_maintenance: true }
  refuses = false
  asked = 0
  release: () => void = () => undefined
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    if (request.method === 'GET') return answer(this.node)
    this.asked += 1
    await new Promise<void>((resolve) => (this.release = resolve))
    if (this.refuses) return answer({ type: 'urn:x', title: 'Not now', detail: 'A rollout is at work.', status: 409 }, 409)
    this.node = { ...this.node, maintenance: null, in_maintenance: false }
    return answer(this.node)
  }
}

let server: Server
setUpClient()
client.setConfig({ baseUrl: 'http://localhost' })

beforeEach(() => {
  server = new Server()
  vi.stubGlobal('fetch', server.fetch)
})
afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

function Page() {
  const node = useQuery(getNodeOptions({ path: { org: 'acme', env: 'dev', id: '1' } })).data
  if (node === undefined) return null
  return (
    <>
      <p>{node.in_maintenance ? 'under maintenance' : 'at work'}</p>
      <NodeActions node={node} />
      <Toasts />
    </>
  )
}

/** Asks for the end of the maintenance; the server has not answered yet. */
const end = async () => {
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      {pageAt('/', Page).page}
    </QueryClientProvider>,
  )
  const user = userEvent.setup()
  expect(await screen.findByText('under maintenance')).toBeTruthy()
  await user.click(screen.getByRole('button', { name: 'Actions' }))
  await user.click(await screen.findByRole('menuitem', { name: 'End maintenance' }))
  await waitFor(() => expect(server.asked).toBe(1))
}

it('shows the end of a maintenance before the server has answered', async () => {
  await end()
  expect(screen.getByText('at work')).toBeTruthy()
  expect(server.node.in_maintenance).toBe(true)
  server.release()
  expect(await screen.findByText('Done.')).toBeTruthy()
  expect(screen.getByText('at work')).toBeTruthy()
}, 30_000)

it('shows the maintenance again that the server did not end, and says why', async () => {
  server.refuses = true
  await end()
  expect(screen.getByText('at work')).toBeTruthy()
  server.release()
  expect(await screen.findByText('A rollout is at work.')).toBeTruthy()
  expect(await screen.findByText('under maintenance')).toBeTruthy()
}, 30_000)
