// @vitest-environment jsdom
import { cleanup, render, screen } from '@testing-library/react'
import { afterEach, expect, it } from 'vitest'
import { ApiError } from '@/lib/problem'
import { ErrorState } from './states'

afterEach(cleanup)
const nothing = () => undefined
const problem = (name: string, status: number, detail: string) =>
  new ApiError(status, { type: `urn:vectorflow:problem:${name}`, title: 'A title', status, detail, id: 'abc-1' })

it('offers to try again where that can help', () => {
  render(<ErrorState error={problem('kernel.internal', 500, 'It failed.')} onRetry={nothing} />)
  expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy()
  expect(screen.getByText('abc-1')).toBeTruthy()
})

it('says who can give a permission that is missing, with nothing to press', () => {
  const detail = 'This needs the permission audit.read. Your role does not allow this; ask an administrator of the organisation or the team.'
  render(<ErrorState error={problem('tenancy.permission-denied', 403, detail)} onRetry={nothing} />)
  expect(screen.getByRole('heading', { name: 'You may not see this' })).toBeTruthy()
  expect(screen.getByText(detail)).toBeTruthy()
  expect(screen.queryByRole('button')).toBeNull()
})
