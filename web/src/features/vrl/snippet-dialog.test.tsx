import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Snippet } from '@/api/gen'
import { client } from '@/api/gen/client.gen'
import { setUpClient } from '@/app/api'
import { Toasts } from '@/ui/toast'
import { SnippetDialog } from './snippet-dialog'

vi.mock('@/app/scope', () => ({ useScope: () => ({ org: 'acme', env: 'dev' }), useCan: () => (name: string) => name === 'library.edit' }))
vi.mock('@/ui/code-editor', () => ({
  CodeEditor: (props: { label: string; value: string; onChange: (text: string) => void }) => (
    <textarea aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.target.value)} />
  ),
}))

/** The part of the server that the dialog asks: one snippet of the organisation's own, and its versions. */
class Server {
  isDeleted = false
  /** What a deletion waits for before it is looked at. */
  mayDelete: Promise<void> = Promise.resolve()
  own: Snippet = { id: '1', title: 'Ours', summary: 'what we do', category: 'own', program: '.ours = true', updated_by: 'Ann', etag: '"1"' }
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
    if (request.url.endsWith('/programs/check')) return answer({ diagnostics: [] })
    if (request.method === 'GET') return answer({ items: [...(this.isDeleted ? [] : [this.own]), { id: 'b', title: 'Built in', summary: '', category: 'shape', program: '.', before: {}, after: {} }] })
    if (request.method === 'DELETE') await this.mayDelete
    if (request.headers.get('if-match') !== this.own.etag) return answer({ type: 'urn:x', title: 'changed', detail: 'Somebody else changed it.', status: 412 }, 412)
    if (request.method === 'DELETE') {
      this.isDeleted = true
      return new Response(null, { status: 204 })
    }
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

const show = () => {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  render(
    <QueryClientProvider client={queries}>
      <SnippetDialog program="" onInsert={vi.fn()} onClose={vi.fn()} />
      <Toasts />
    </QueryClientProvider>,
  )
  return userEvent.setup()
}

const open = async () => {
  const user = show()
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

/** Deletes the own snippet, up to where the server has yet to answer. */
const deleteOwn = async () => {
  let release = () => {}
  server.mayDelete = new Promise((resolve) => (release = resolve))
  const user = show()
  await user.click(await screen.findByRole('button', { name: 'Delete Ours' }))
  await waitFor(() => expect(screen.queryByText('Ours')).toBeNull())
  expect(server.isDeleted).toBe(false)
  return release
}

it('takes a snippet off the list before the server has answered', async () => {
  const release = await deleteOwn()
  release()
  await waitFor(() => expect(server.isDeleted).toBe(true))
  expect(screen.getByText('Built in')).toBeTruthy()
  expect(screen.queryByText('Ours')).toBeNull()
}, 30_000)

it('puts a snippet back that somebody else changed meanwhile, as it is now', async () => {
  const release = await deleteOwn()
  server.own = { ...server.own, title: 'Theirs', etag: '"9"' }
  release()
  expect(await screen.findByText('Somebody else changed it.')).toBeTruthy()
  expect(await screen.findByText('Theirs')).toBeTruthy()
  expect(server.isDeleted).toBe(false)
}, 30_000)
