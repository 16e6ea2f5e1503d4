import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Snippet } from '@/api/gen'
import { client } from '@/api/gen/client.gen'
import { setUpClient } from '@/app/api'
import { SnippetDialog } from './snippet-dialog'

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }), useCan: () => (name: string) => name === 'library.edit' }))
vi.mock('@/ui/code-editor', () => ({
  CodeEditor: (props: { label: string; value: string; onChange: (text: string) => void }) => (
    <textarea aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.target.value)} />
  ),
}))

/** The part of the server that the dialog asks: one snippet of the organisation's own, and its versions. */
class Server {
  own: Snippet = { id: '1', title: 'Ours', summary: 'what we do', category: 'own', program: '.ours = true', updated_by: 'Ann', etag: '"1"' }
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    if (request.url.endsWith('/programs/check')) return answer({ diagnostics: [] })
    if (request.method === 'GET') return answer({ items: [this.own, { id: 'b', title: 'Built in', summary: '', category: 'shape', program: '.', before: {}, after: {} }] })
    if (request.headers.get('if-match') !== this.own.etag) return answer({ type: 'urn:x', title: 'changed', status: 412 }, 412)
    const { name, ...rest } = (await request.json()) as { name: string; summary: string; program: string }
    this.own = { ...this.own, ...rest, title: name, etag: '"2"' }
    return answer(this.own)
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

const open = async () => {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  render(
    <QueryClientProvider client={queries}>
      <SnippetDialog program="" onInsert={vi.fn()} onClose={vi.fn()} />
    </QueryClientProvider>,
  )
  const user = userEvent.setup()
  await user.click(await screen.findByRole('button', { name: 'Change Ours' }))
  return { user, form: screen.getByRole('region', { name: 'Change Ours' }) }
}

it('changes name, description and program of an own snippet, and of no other', async () => {
  const { user, form } = await open()
  expect(screen.queryByRole('button', { name: 'Change Built in' })).toBeNull()
  const write = async (label: string, text: string) => {
    await user.clear(within(form).getByLabelText(label))
    await user.type(within(form).getByLabelText(label), text)
  }
  await write('Name', 'Ours too')
  await write('What it does', 'better')
  await write('Program of the snippet', '.ours = 2')
  await user.click(within(form).getByRole('button', { name: 'Save' }))
  const pencil = await screen.findByRole('button', { name: 'Change Ours too' })
  expect(server.own).toMatchObject({ title: 'Ours too', summary: 'better', program: '.ours = 2' })
  await waitFor(() => expect(document.activeElement).toBe(pencil))
}, 30_000)

it('puts nothing over what somebody else changed meanwhile', async () => {
  const { user, form } = await open()
  server.own = { ...server.own, title: 'Theirs', etag: '"9"' }
  await user.click(within(form).getByRole('button', { name: 'Save' }))
  expect((await within(form).findByRole('alert')).textContent).toContain('Somebody else changed this snippet')
  expect(server.own.title).toBe('Theirs')
  await user.click(within(form).getByRole('button', { name: 'Close' }))
  expect(await screen.findByRole('button', { name: 'Change Theirs' })).toBeTruthy()
}, 30_000)

it('ends at Escape, and the dialog stays', async () => {
  const { user, form } = await open()
  await user.type(within(form).getByLabelText('Name'), 'x{Escape}')
  expect(screen.queryByRole('region', { name: 'Change Ours' })).toBeNull()
  expect(screen.getByRole('dialog')).toBeTruthy()
}, 30_000)
