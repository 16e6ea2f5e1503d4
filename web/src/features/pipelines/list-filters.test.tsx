import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { client } from '@/api/gen/client.gen'
import { setUpClient } from '@/app/api'
import { pageAt } from '@/app/at-address'
import { Toasts } from '@/ui/toast'
import { ListFilters } from './list-filters'

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }) }))

/** One saved filter. Its deletion waits until the test lets the server answer. */
class Server {
  filters = [{ id: '1', name: 'Edge', search: 'q=edge' }]
  refuses = false
  asked = 0
  release: () => void = () => undefined
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    if (request.method === 'GET') return answer(request.url.includes('folders') ? { folders: [], tags: [] } : { items: this.filters })
    this.asked += 1
    await new Promise<void>((resolve) => (this.release = resolve))
    if (this.refuses) return answer({ type: 'urn:x', title: 'Not now', detail: 'The database is read only.', status: 503 }, 503)
    this.filters = []
    return new Response(null, { status: 204 })
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

/** Forgets the saved filter; the server has not answered yet. */
const forget = async () => {
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      {pageAt('/', () => <ListFilters search={{ q: 'edge' }} />).page}
      <Toasts />
    </QueryClientProvider>,
  )
  const user = userEvent.setup()
  await user.click(await screen.findByRole('button', { name: 'Edge' }))
  await user.click(await screen.findByRole('menuitem', { name: 'Forget Edge' }))
  await waitFor(() => expect(server.asked).toBe(1))
}

it('forgets a saved filter before the server has answered', async () => {
  await forget()
  expect(screen.queryByRole('button', { name: 'Edge' })).toBeNull()
  expect(server.filters).toHaveLength(1)
  server.release()
  await waitFor(() => expect(server.filters).toHaveLength(0))
  expect(screen.queryByRole('button', { name: 'Edge' })).toBeNull()
}, 30_000)

it('brings back a saved filter that the server kept, and says why', async () => {
  server.refuses = true
  await forget()
  expect(screen.queryByRole('button', { name: 'Edge' })).toBeNull()
  server.release()
  expect(await screen.findByText('The database is read only.')).toBeTruthy()
  expect(await screen.findByRole('button', { name: 'Edge' })).toBeTruthy()
}, 30_000)
