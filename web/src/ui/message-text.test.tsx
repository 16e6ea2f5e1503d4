// @vitest-environment jsdom
import { cleanup, render, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, it } from 'vitest'
import { shortMessage } from '@/lib/shorten'
import { MessageText } from './message-text'

const long = 'no; expected one of: "a", "b", "c", "d", "e", "f"'

afterEach(cleanup)

it('shows a long list in short until it is asked for whole', async () => {
  const { container } = render(<MessageText message={long} words={(text) => `Line 3: ${text}`} />)
  expect(container.textContent).toBe('Line 3: no; expected one of: "a", "b", "c", "d" and 2 more')
  await userEvent.click(screen.getByRole('button', { name: 'and 2 more' }))
  expect(container.textContent).toBe(`Line 3: ${long}`)
  expect(screen.queryByRole('button')).toBeNull()
})

it('shows any other message as it is, with nothing to press', () => {
  render(<MessageText message="a" />)
  expect(screen.queryByRole('button')).toBeNull()
  expect(shortMessage('a')).toBe('a')
  expect(shortMessage(long)).toBe('no; expected one of: "a", "b", "c", "d" and 2 more')
})
