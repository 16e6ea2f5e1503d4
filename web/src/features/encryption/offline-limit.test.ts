import { expect, test } from 'vitest'
import { choicesWith, limitLabel } from './offline-limit'

test('the present time is offered once, in its place', () => {
  expect(choicesWith(86_400)).toEqual(choicesWith(null))
  expect(choicesWith(7200)).toEqual([3600, 7200, ...choicesWith(null).slice(1)])
})

test('times are said in the largest whole unit', () => {
  expect([3600, 7200, 86_400, 7_776_000, 5400].map(limitLabel)).toEqual(['1 hour', '2 hours', '1 day', '90 days', '90 minutes'])
})
