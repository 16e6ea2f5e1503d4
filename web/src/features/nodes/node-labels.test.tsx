import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { client } from '@/api/gen/client.gen'
import { getNodeOptions } from '@/api/gen/@tanstack/react-query.gen'
import { setUpClient } from '@/app/api'
import { pageAt } from '@/app/at-address'
import { Toasts } from '@/ui/toast'
import { NodeLabels } from './node-labels'

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }), useCan: () => () => true }))

/** One node with a label. A change of its labels waits until the test lets it answer. */
class Server {
  labels: Record<string, string> = { env: 'dev' }
  refuses = false
  asked = 0
  release: () => void = () => undefined
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    if (request.method === 'PUT') {
      const { labels } = (await request.json()) as { labels: Record<string, string> }
      this.asked += 1
      await new Promise<void>((resolve) => (this.release = resolve))
      if (this.refuses) return answer({ type: 'urn:x', title: 'No', detail: 'There are too many labels.', status: 422 }, 422)
      this.labels = labels
    }
    return answer({ id: '1', name: 'edge-1', labels: this.labels, etag: '"1"' })
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
  return (
    <>
      {node !== undefined && <NodeLabels node={node} />}
      <Toasts />
    </>
  )
}

/** Sends other labels from the form; the server has not answered yet. */
const send = async () => {
  render(<QueryClientProvider client={new QueryClient()}>{pageAt('/?dialog=labels', Page).page}</QueryClientProvider>)
  const user = userEvent.setup()
  const field = await screen.findByRole('textbox', { name: 'Labels' })
  await user.clear(field)
  await user.type(field, 'env=prod')
  await user.click(screen.getByRole('button', { name: 'Save' }))
  await waitFor(() => expect(server.asked).toBe(1))
}

it('shows new labels and closes the form before the server has answered', async () => {
  await send()
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
  expect(screen.getByText('env=prod')).toBeTruthy()
  expect(server.labels).toEqual({ env: 'dev' })
  server.release()
  expect(await screen.findByText('Labels are changed.')).toBeTruthy()
  expect(screen.getByText('env=prod')).toBeTruthy()
  expect(screen.queryByRole('dialog')).toBeNull()
}, 30_000)

it('brings the form back with what was typed and the reason where the server refuses, and the labels that there are', async () => {
  server.refuses = true
  await send()
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
  server.release()
  expect((await screen.findByRole('alert')).textContent).toContain('There are too many labels.')
  expect(screen.getByRole('textbox', { name: 'Labels' })).toHaveProperty('value', 'env=prod')
  expect(screen.getByText('env=dev')).toBeTruthy()
}, 30_000)
