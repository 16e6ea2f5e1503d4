// @vitest-environment jsdom
import { describe, expect, it } from 'vitest'
import { formatAge, formatBytes, formatDuration, formatRate, formatShortTime, formatTime } from './format'
import { t } from './i18n'
import { ApiError, describeError, fieldErrors, isProblemType, toApiError } from './problem'
import { setTimeZone } from './time-zone'

it('rates never round a trickle to nothing', () => {
  expect([0, 0.004, 0.5, 3.14159, 42.4, 1234, 2_500_000].map(formatRate)).toEqual(['0', '<0.01', '0.5', '3.1', '42', '1.2k', '2.5m'])
})

it('ages and sizes read well', () => {
  expect(formatDuration(59)).toBe('59 s')
  expect(formatDuration(90_000)).toBe('1 day')
  expect(formatAge('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:05:00Z'))).toBe('5 min ago')
  expect(formatBytes(1536)).toBe('1.5 KiB')
})

it('short times keep their unit and never read as nothing', () => {
  const times = [0, 1e-8, 4.4e-6, 0.00012, 0.0156, 0.9, 1, 12.4, 600]
  expect(times.map(formatShortTime)).toEqual(['0 ms', '<0.1 µs', '4.4 µs', '0.1 ms', '16 ms', '900 ms', '1 s', '12 s', '10 min'])
})

it('messages are ICU, and values stay text', () => {
  expect(t('{n, plural, one {# node} other {# nodes}}', { n: 1 })).toBe('1 node')
  expect(t('Hello {name}', { name: '<b>{x}</b>' })).toBe('Hello <b>{x}</b>')
})

it('errors keep the words and the id of the server', () => {
  const problem = { type: 'urn:vectorflow:problem:vault.in-use', title: 'In use', status: 409, detail: 'Still used', id: 'abc' }
  const error = toApiError(problem, new Response(null, { status: 409 }))
  expect(describeError(error)).toEqual({ status: 409, title: 'In use', detail: 'Still used', id: 'abc' })
  expect(isProblemType(error, 'vault.in-use')).toBe(true)
  expect(fieldErrors(error)).toEqual([])
  const errors = [{ field: 'vault.address', message: 'use https' }]
  expect(fieldErrors(toApiError({ ...problem, errors }, new Response(null, { status: 422 })))).toEqual(errors)
  expect(describeError(toApiError(new TypeError('fetch failed'), undefined)).title).toBe('The server cannot be reached')
  expect(toApiError('<html>', new Response(null, { status: 502 }))).toEqual(new ApiError(502, null))
})

describe('a time', () => {
  it('is written in UTC when that is chosen, and says so', () => {
    setTimeZone('utc')
    expect(formatTime('2026-01-02T23:04:05.000Z')).toBe('2 Jan 2026, 23:04:05 UTC')
    expect(localStorage.getItem('vf:time-zone')).toBe('utc')
    setTimeZone('local')
    expect(formatTime('2026-01-02T23:04:05.000Z')).not.toContain('UTC')
  })
})
