import { act, cleanup, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, it, vi } from 'vitest'
import type { Tap } from '@/api/gen'
import { pageAt } from '@/app/at-address'
import { TapSession } from './tap-session'
import { TapView } from './tap-view'

const TAP: Tap = {
  id: 't',
  pipeline_id: 'p',
  component: 'in',
  port: '',
  reason: 'a test',
  where: [],
  events_per_second: 50,
  requested_by: 'Ann',
  created_at: '',
  expires_at: '',
  ended_at: null,
  ended: '',
  nodes: [],
}

function source() {
  const kinds = new Map<string, (message: MessageEvent<string>) => void>()
  const made = { readyState: 1, addEventListener: (kind: string, call: (message: MessageEvent<string>) => void) => kinds.set(kind, call), close: vi.fn() }
  let number = 0
  const send = (count: number) => {
    const items = Array.from({ length: count }, () => ({ node_id: 'n', at: '2026-11-26T12:00:00Z', component: 'in', port: '', kind: 'log', event: { message: `line ${++number}` }, cut: false, binary: false, redacted: 0 }))
    kinds.get('events')?.({ data: JSON.stringify({ items }) } as MessageEvent<string>)
  }
  return { made: made as unknown as EventSource, send }
}

afterEach(cleanup)

it('draws the newest hundred and what is pinned, and the rest once it is asked for', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime })
  const { made, send } = source()
  const session = new TapSession('/taps/t/events', TAP, () => made)
  render(pageAt('/', () => <TapView session={session} onStop={vi.fn()} />).page)
  await screen.findByText('No events yet.', { exact: false })
  // So that Escape closes the dialog around it.
  expect(document.activeElement?.textContent).toBe('Pause')
  const come = (count: number) =>
    act(async () => {
      send(count)
      await vi.advanceTimersByTimeAsync(250)
    })
  await come(1)
  await user.click(screen.getByRole('button', { name: 'Pin' }))
  await come(103)
  expect(screen.getAllByRole('listitem')).toHaveLength(101)
  expect(screen.queryByText(/"line 1"/)).not.toBeNull()
  await user.click(screen.getByRole('button', { name: 'Show 3 older' }))
  expect(screen.getAllByRole('listitem')).toHaveLength(104)
  await come(5)
  expect(screen.getAllByRole('listitem')).toHaveLength(104)
  await user.click(screen.getByRole('button', { name: 'Go on' }))
  expect(screen.getAllByRole('listitem')).toHaveLength(101)
  session.close()
  vi.useRealTimers()
}, 30_000)

it('shows events as a table where the address says so, and writes the choice there', async () => {
  const user = userEvent.setup()
  const { made, send } = source()
  const session = new TapSession('/taps/t/events', TAP, () => made)
  const { history, page } = pageAt('/?dialog=tap&of=p&view=table', () => <TapView session={session} onStop={vi.fn()} />)
  render(page)
  await screen.findByText('No events yet.', { exact: false })
  act(() => send(1))
  expect(await screen.findByRole('table', { name: 'Events' })).toBeTruthy()
  await user.click(screen.getByRole('button', { name: /View/ }))
  await user.click(await screen.findByRole('option', { name: 'Tree' }))
  expect(await screen.findByRole('list', { name: 'Events' })).toBeTruthy()
  expect(history.location.href).toBe('/?dialog=tap&of=p')
  session.close()
}, 30_000)
