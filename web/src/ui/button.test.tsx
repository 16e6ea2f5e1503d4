// @vitest-environment jsdom
import { act, cleanup, render, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, it } from 'vitest'
import { IconButton } from './button'

afterEach(cleanup)

it('leaves nothing of a tooltip behind that made room for another', async () => {
  render(
    <>
      <IconButton label="Focused">1</IconButton>
      <IconButton label="Hovered">2</IconButton>
      <p>Elsewhere</p>
    </>,
  )
  const user = userEvent.setup()
  const named = (name: string) => screen.getByRole('button', { name })
  // Only what moves like a mouse opens one by hovering.
  await user.hover(screen.getByText('Elsewhere'))
  await user.hover(named('Hovered'))
  await waitFor(() => expect(screen.getByRole('tooltip').textContent).toBe('Hovered'), { timeout: 5000 })
  // The other one opens at once while this one is hovered still; then the pointer leaves.
  await user.tab()
  await waitFor(() => expect(screen.getByRole('tooltip').textContent).toBe('Focused'))
  await user.hover(screen.getByText('Elsewhere'))
  expect(screen.getAllByRole('tooltip', { hidden: true })).toHaveLength(1)
  act(() => named('Focused').blur())
  await waitFor(() => expect(screen.queryByRole('tooltip', { hidden: true })).toBeNull())
})
