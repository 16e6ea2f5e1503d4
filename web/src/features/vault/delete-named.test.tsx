import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, it } from 'vitest'
import { pageAt } from '@/app/at-address'
import { useRowQuestion } from '@/app/dialogs'
import { ApiError } from '@/lib/problem'
import { DeleteNamed } from './parts'

const ROWS = [
  { id: '1', name: 'used' },
  { id: '2', name: 'free' },
]
let deleted: string[]

/** The server refuses to delete what is used. */
function remove({ name }: { name: string }): Promise<unknown> {
  if (name === 'used') return Promise.reject(new ApiError(409, { type: 'urn:x', title: 'No', status: 409, detail: 'A pipeline names it.', id: 'x' }))
  deleted.push(name)
  return Promise.resolve()
}

function Page() {
  const asked = useRowQuestion('delete', ROWS)
  return (
    <>
      {ROWS.map((row) => (
        <button key={row.id} onClick={() => asked.open(row)}>{`delete ${row.name}`}</button>
      ))}
      <DeleteNamed asked={asked} remove={remove} listKey={['rows']} />
    </>
  )
}

afterEach(cleanup)

it('says of one row only what was refused for that row', async () => {
  deleted = []
  render(<QueryClientProvider client={new QueryClient()}>{pageAt('/', Page).page}</QueryClientProvider>)
  const user = userEvent.setup()
  await user.click(await screen.findByText('delete used'))
  await user.click(await screen.findByRole('button', { name: 'Delete' }))
  expect(await screen.findByText('A pipeline names it.')).toBeTruthy()
  await user.click(screen.getByRole('button', { name: 'Cancel' }))
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())

  await user.click(screen.getByText('delete free'))
  expect(await screen.findByText('Delete free?')).toBeTruthy()
  expect(screen.queryByText('A pipeline names it.')).toBeNull()
  await user.click(screen.getByRole('button', { name: 'Delete' }))
  await waitFor(() => expect(deleted).toEqual(['free']))
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
}, 30_000)
