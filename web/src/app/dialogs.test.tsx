import { cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, it } from 'vitest'
import { pageAt } from './at-address'
import { useRowDialog, useRowQuestion } from './dialogs'
import { DIALOGS } from './search'

type Row = { id: string; version: number }
let rows: Row[]

function Page({ may }: { may: boolean }) {
  const rule = useRowDialog('rule', rows, may)
  const removing = useRowQuestion('delete', rows)
  return (
    <>
      <button onClick={() => rule.open(rows[0] ?? null)}>change</button>
      <button onClick={() => rule.open(null)}>new</button>
      <button onClick={() => removing.open(rows[0] ?? null)}>delete</button>
      <p>{rule.isOpen ? `rule ${rule.row === null ? 'new' : `${rule.row.id} at ${rule.row.version}`}` : 'no rule'}</p>
      <p>{removing.row === null ? 'no question' : `delete ${removing.row.id}?`}</p>
      <button onClick={() => (rule.close(), rule.close())}>close twice</button>
      <button onClick={removing.close}>keep</button>
    </>
  )
}

/** The page at an address, after another page. */
function visit(address: string, may = true) {
  rows = [{ id: 'a', version: 1 }]
  const { history, page } = pageAt(address, () => <Page may={may} />)
  render(page)
  return { history, user: userEvent.setup() }
}

afterEach(cleanup)

it('opens what the address names, and closes it in the address', async () => {
  const { history, user } = visit('/?dialog=rule&of=a')
  expect(await screen.findByText('rule a at 1')).toBeTruthy()
  await user.click(screen.getByText('close twice'))
  expect(await screen.findByText('no rule')).toBeTruthy()
  expect(history.location.href).toBe('/')
})

it.each([['/?dialog=unheard-of&of=a'], ['/?of=a'], ['/?dialog=rule&of=b'], ['/?dialog=5'], ['/?dialog=rule&of=x&of=y'], ['/?dialog=rule&of=5']])(
  'opens nothing at %s',
  async (address) => {
    visit(address)
    expect(await screen.findByText('no rule')).toBeTruthy()
  },
)

it('opens for nobody who may not', async () => {
  visit('/?dialog=rule&of=a', false)
  expect(await screen.findByText('no rule')).toBeTruthy()
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
  await user.click(screen.getByText('keep'))
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
