import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { AlertRule } from '@/api/gen'
import { client } from '@/api/gen/client.gen'
import { listAlertRulesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { setUpClient } from '@/app/api'
import { pageAt } from '@/app/at-address'
import { Toasts } from '@/ui/toast'
import { RuleTable } from './rule-table'

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }) }))

/** One rule with versions. A change of it waits until the test lets it answer. */
class Server {
  rule: AlertRule = { id: '1', name: 'Silence', condition: { kind: 'node_silent', seconds: 120 }, channels: [], enabled: true, updated_at: '', updated_by: 'Ann', etag: '"1"' }
  asked: { version: string | null; body: unknown }[] = []
  release: () => void = () => undefined
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    if (request.method === 'GET') return answer({ items: [this.rule] })
    const body = (await request.json()) as Partial<AlertRule>
    this.asked.push({ version: request.headers.get('if-match'), body })
    await new Promise<void>((resolve) => (this.release = resolve))
    if (request.headers.get('if-match') !== this.rule.etag) return answer({ type: 'urn:x', title: 'Changed', detail: 'Somebody changed it.', status: 412 }, 412)
    this.rule = { ...this.rule, ...body, etag: `"${this.asked.length + 1}"` }
    return answer(this.rule)
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

function Page() {
  const rules = useQuery(listAlertRulesOptions({ path: { org: 'acme', env: 'dev' } })).data?.items ?? []
  return (
    <>
      <RuleTable rules={rules} channels={[]} mayManage onChange={vi.fn()} />
      <Toasts />
    </>
  )
}

const toggle = async (times: number) => {
  await userEvent.setup().click(screen.getByRole('switch', { name: 'Watch: Silence' }))
  await waitFor(() => expect(server.asked).toHaveLength(times))
}

it('switches a rule off and on again at once, each time at its newest version', async () => {
  render(<QueryClientProvider client={new QueryClient()}>{pageAt('/', Page).page}</QueryClientProvider>)
  expect(await screen.findByText('nobody')).toBeTruthy()
  await toggle(1)
  expect(screen.getByText('switched off')).toBeTruthy()
  expect(server.rule.enabled).toBe(true)
  server.release()
  await waitFor(() => expect(screen.getByRole('switch', { name: 'Watch: Silence' })).toHaveProperty('disabled', false))
  await toggle(2)
  expect(screen.getByText('nobody')).toBeTruthy()
  server.release()
  await waitFor(() => expect(server.rule).toMatchObject({ enabled: true, etag: '"3"' }))
  expect(server.asked.map((each) => each.version)).toEqual(['"1"', '"2"'])
}, 30_000)

it('shows the rule as it is where somebody else changed it meanwhile, and says why', async () => {
  render(<QueryClientProvider client={new QueryClient()}>{pageAt('/', Page).page}</QueryClientProvider>)
  expect(await screen.findByText('nobody')).toBeTruthy()
  server.rule = { ...server.rule, name: 'Silence at night', etag: '"theirs"' }
  await toggle(1)
  expect(screen.getByText('switched off')).toBeTruthy()
  server.release()
  expect(await screen.findByText('Somebody changed it.')).toBeTruthy()
  expect(await screen.findByText('Silence at night')).toBeTruthy()
  expect(screen.getByText('nobody')).toBeTruthy()
}, 30_000)
