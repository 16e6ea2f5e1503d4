import { cleanup, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, it } from 'vitest'
import { pageAt } from '@/app/at-address'
import { chartSearch } from '@/app/search'
import { useAsTable } from './as-table'

function Chart({ name }: { name: 'events' | 'errors' }) {
  const [asTable, setAsTable] = useAsTable(name)
  return <button onClick={() => setAsTable(!asTable)}>{`${name} as a ${asTable ? 'table' : 'chart'}`}</button>
}

const Page = () => (
  <>
    <Chart name="events" />
    <Chart name="errors" />
  </>
)

afterEach(cleanup)

it('reads from the address which charts are tables, and writes there what is chosen', async () => {
  const { history, page } = pageAt('/?tables=errors', Page, chartSearch)
  render(page)
  expect(await screen.findByText('errors as a table')).toBeTruthy()
  const user = userEvent.setup()
  await user.click(screen.getByText('events as a chart'))
  expect(await screen.findByText('events as a table')).toBeTruthy()
  expect(decodeURIComponent(history.location.href)).toBe('/?tables=events,errors')
  await user.click(screen.getByText('errors as a table'))
  await user.click(await screen.findByText('events as a table'))
  expect(await screen.findByText('events as a chart')).toBeTruthy()
  expect(history.location.href).toBe('/')
})

it.each([[{ tables: 'errors,unheard-of,errors' }, 'errors'], [{ tables: 'unheard-of' }, undefined], [{ tables: 5 }, undefined], [{}, undefined]])(
  'takes of an address only charts that there are: %j',
  (search, tables) => expect(chartSearch(search)).toEqual({ tables }),
)
