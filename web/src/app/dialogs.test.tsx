import { QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useReducer } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ApiError } from '@/lib/problem'
import { createQueryClient } from './api'
import { pageAt } from './at-address'
import { useRowDialog, useRowQuestion } from './dialogs'
import { LostDialog } from './lost-dialog'
import { DIALOGS } from './search'

type Row = { id: string; version: number }
let rows: Row[] | undefined
/** What the server has of a row that is not among them; null: the list is whole. */
let one: ((id: string) => Promise<Row>) | null

function Page({ may }: { may: boolean }) {
  const rule = useRowDialog('rule', rows, { may, ...(one === null ? {} : { one }) })
  const removing = useRowQuestion('delete', rows)
  const [, draw] = useReducer((drawn: number) => drawn + 1, 0)
  return (
    <>
      <button onClick={() => rule.open(rows?.[0] ?? null)}>change</button>
      <button onClick={() => rule.open(null)}>new</button>
      <button onClick={() => removing.open(rows?.[0] ?? null)}>delete</button>
      <p>{rule.isOpen ? `rule ${rule.row === null ? 'new' : `${rule.row.id} at ${rule.row.version}`}` : 'no rule'}</p>
      <p>{removing.row === null ? 'no question' : `delete ${removing.row.id}?`}</p>
      <button onClick={() => (rule.close(), rule.close())}>close twice</button>
      <button onClick={removing.close}>keep</button>
      <button onClick={draw}>draw again</button>
      <LostDialog />
    </>
  )
}

/** The page at an address, after another page. */
function visit(address: string, may = true) {
  const { history, page } = pageAt(address, () => <Page may={may} />)
  render(<QueryClientProvider client={createQueryClient()}>{page}</QueryClientProvider>)
  return { history, user: userEvent.setup() }
}

beforeEach(() => {
  rows = [{ id: 'a', version: 1 }]
  one = null
})
afterEach(cleanup)

it('opens what the address names, and closes it in the address', async () => {
  const { history, user } = visit('/?dialog=rule&of=a')
  expect(await screen.findByText('rule a at 1')).toBeTruthy()
  await user.click(screen.getByText('close twice'))
  expect(await screen.findByText('no rule')).toBeTruthy()
  expect(history.location.href).toBe('/')
})

it.each([['/?dialog=unheard-of&of=a'], ['/?of=a'], ['/?dialog=5'], ['/?dialog=rule&of=x&of=y'], ['/?dialog=rule&of=5']])(
  'opens nothing at %s',
  async (address) => {
    visit(address)
    expect(await screen.findByText('no rule')).toBeTruthy()
    expect(screen.queryByRole('dialog')).toBeNull()
  },
)

it('opens for nobody who may not, and says so', async () => {
  const { history, user } = visit('/?dialog=rule&of=a', false)
  expect(await screen.findByRole('dialog', { name: 'You may not open this' })).toBeTruthy()
  expect(screen.getByText('no rule')).toBeTruthy()
  await user.click(screen.getByText('Close'))
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
  expect(history.location.href).toBe('/')
})

it('opens what the address names although it is not among what is shown', async () => {
  one = vi.fn((id: string) => Promise.resolve({ id, version: 7 }))
  visit('/?dialog=rule&of=far')
  expect(await screen.findByText('rule far at 7')).toBeTruthy()
  expect(one).toHaveBeenCalledExactlyOnceWith('far')
  expect(screen.queryByRole('dialog')).toBeNull()
})

it('asks for no row before the list was read, and for none that is in it', async () => {
  one = vi.fn(() => Promise.reject(new Error('asked')))
  rows = undefined
  const { user } = visit('/?dialog=rule&of=a')
  expect(await screen.findByText('no rule')).toBeTruthy()
  rows = [{ id: 'a', version: 1 }]
  await user.click(screen.getByText('draw again'))
  expect(await screen.findByText('rule a at 1')).toBeTruthy()
  expect(one).not.toHaveBeenCalled()
})

it.each([
  ['It is not there', null],
  ['It is not there', new ApiError(404, null)],
  ['You may not open this', new ApiError(403, null)],
  ['This link could not be opened', new ApiError(422, null)],
])('says “%s” of what cannot be opened (%s)', async (words, refusal) => {
  one = refusal === null ? null : () => Promise.reject(refusal)
  const { history, user } = visit('/?dialog=rule&of=gone')
  expect(await screen.findByRole('dialog', { name: words })).toBeTruthy()
  await user.click(screen.getByText('Close'))
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
  expect(history.location.href).toBe('/')
})

it('goes back when it closes, however often it is asked to, so that Back leads to the page before', async () => {
  const { history, user } = visit('/')
  await user.click(await screen.findByText('change'))
  expect(await screen.findByText('rule a at 1')).toBeTruthy()
  expect(history.location.href).toBe('/?dialog=rule&of=a')
  await user.click(screen.getByText('close twice'))
  expect(await screen.findByText('no rule')).toBeTruthy()
  expect(history.location.href).toBe('/')
  history.back()
  await waitFor(() => expect(history.location.href).toBe('/before'))
})

it('closes with Back and opens again with Forward', async () => {
  const { history, user } = visit('/')
  await user.click(await screen.findByText('new'))
  expect(await screen.findByText('rule new')).toBeTruthy()
  history.back()
  expect(await screen.findByText('no rule')).toBeTruthy()
  history.forward()
  expect(await screen.findByText('rule new')).toBeTruthy()
  await user.click(screen.getByText('close twice'))
  expect(await screen.findByText('no rule')).toBeTruthy()
})

it('keeps the row as it was when the dialog opened', async () => {
  const { user } = visit('/?dialog=rule&of=a')
  expect(await screen.findByText('rule a at 1')).toBeTruthy()
  rows = [{ id: 'a', version: 2 }]
  await user.click(screen.getByText('draw again'))
  expect(screen.getByText('rule a at 1')).toBeTruthy()
  await user.click(screen.getByText('close twice'))
  await user.click(await screen.findByText('change'))
  expect(await screen.findByText('rule a at 2')).toBeTruthy()
})

it('asks before a deletion without a word of it in the address', async () => {
  const { history, user } = visit('/')
  await user.click(await screen.findByText('delete'))
  expect(await screen.findByText('delete a?')).toBeTruthy()
  expect(history.location.href).toBe('/')
  history.back()
  expect(await screen.findByText('no question')).toBeTruthy()
})

it('names each dialog once', () => {
  expect(new Set(DIALOGS).size).toBe(DIALOGS.length)
})
