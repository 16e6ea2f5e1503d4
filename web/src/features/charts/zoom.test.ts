import { expect, it } from 'vitest'
import { beside, between, closer, covering, SHORTEST_MS, wider, zoomOf } from './zoom'

const HOUR = 3_600_000
const whole = { from: 100 * HOUR, to: 104 * HOUR }

it('an address holds a part of time, or none', () => {
  expect(zoomOf({ from: 1, to: HOUR })).toEqual({ from: 1, to: HOUR })
  expect([zoomOf({ from: HOUR, to: 1 }), zoomOf({ from: 1 }), zoomOf({ from: '1', to: HOUR }), zoomOf({ from: 1, to: 2 })]).toEqual([{}, {}, {}, {}])
})

it('a part is between two moments in any order, and never too short to be seen', () => {
  expect(between(2 * HOUR, HOUR)).toEqual({ from: HOUR, to: 2 * HOUR })
  expect(between(5.4, 5.4)).toEqual({ from: 5, to: 5 + SHORTEST_MS })
})

it('going closer and wider again leads back to the whole', () => {
  const near = closer(whole)
  expect(near).toEqual({ from: 101 * HOUR, to: 103 * HOUR })
  expect(closer(near)).toEqual({ from: 101.5 * HOUR, to: 102.5 * HOUR })
  expect(wider(closer(near), whole)).toEqual(near)
  expect(wider(near, whole)).toBeUndefined()
})

it('going aside stops at the ends of the whole', () => {
  const near = closer(whole)
  expect(beside(near, -1, whole)).toEqual({ from: 100 * HOUR, to: 102 * HOUR })
  expect(beside(beside(near, -1, whole), -1, whole)).toEqual({ from: 100 * HOUR, to: 102 * HOUR })
  expect(beside(near, 1, whole)).toEqual({ from: 102 * HOUR, to: 104 * HOUR })
})

it('a part that is long ago asks for a longer range', () => {
  const now = 200 * HOUR
  expect([covering('1h', undefined, now), covering('1h', now - 2 * HOUR, now), covering('24h', now - HOUR, now), covering('1h', 1, now)]).toEqual(['1h', '6h', '24h', '7d'])
})
