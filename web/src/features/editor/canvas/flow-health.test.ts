import { describe, expect, it } from 'vitest'
import type { ComponentRates } from '@/api/gen'
import { formatShare, healthOf, healthWord } from './flow-health'

const rates = (change: Partial<ComponentRates>): ComponentRates => ({
  received_events_per_second: 100,
  sent_events_per_second: 100,
  errors_per_second: 0,
  discarded_per_second: 0,
  received_events_total: 0,
  sent_events_total: 0,
  errors_total: 0,
  discarded_total: 0,
  outputs: {},
  utilization: null,
  latency: null,
  lag: null,
  wait: null,
  buffer: null,
  ...change,
})

describe('the health of a flow', () => {
  it('claims nothing about what was not measured', () => {
    expect(healthWord(healthOf(undefined))).toBeNull()
    expect(healthWord(healthOf(rates({ received_events_per_second: 0, sent_events_per_second: 0 })))).toBeNull()
  })
  it('tells the share of errors, never more than the whole', () => {
    expect(healthOf(rates({ errors_per_second: 25 })).errorShare).toBe(0.25)
    expect(healthOf(rates({ received_events_per_second: 0, sent_events_per_second: 0, errors_per_second: 5 })).errorShare).toBe(1)
  })
  it('calls nine tenths of busy time back-pressure', () => {
    expect(healthOf(rates({ utilization: 0.89 })).isBusy).toBe(false)
    expect(healthWord(healthOf(rates({ utilization: 0.9 })))).toEqual({ word: 'back-pressure', tone: 'warn' })
  })
  it('calls a nearly full buffer back-pressure too, and one of unknown size never', () => {
    const buffer = (fill: number | null) => ({ events: 490, bytes: 0, max_events: fill === null ? null : 500, max_bytes: null, fill })
    expect(healthOf(rates({ buffer: buffer(0.98) })).isBusy).toBe(true)
    expect(healthOf(rates({ buffer: buffer(0.5) })).isBusy).toBe(false)
    expect(healthOf(rates({ buffer: buffer(null) })).isBusy).toBe(false)
  })
  it('puts errors before back-pressure before discards', () => {
    const all = { errors_per_second: 1, utilization: 1, discarded_per_second: 50 }
    expect(healthWord(healthOf(rates(all)))).toEqual({ word: '1% errors', tone: 'bad' })
    expect(healthWord(healthOf(rates({ ...all, errors_per_second: 0 })))?.word).toBe('back-pressure')
    expect(healthWord(healthOf(rates({ discarded_per_second: 50 })))?.word).toBe('50% discarded')
  })
  it('never rounds a trickle of errors to none, nor nearly all to all', () => {
    expect(formatShare(0.0001)).toBe('<1%')
    expect(formatShare(0.999)).toBe('99%')
  })
})
