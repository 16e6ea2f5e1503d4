import { expect, it } from 'vitest'
import { assignmentLabel, countLabel, nodeCount } from './states'

it('says that a node runs a revision only once it reported that', () => {
  expect(assignmentLabel('applied', 2)).toBe('runs revision 2')
  for (const state of ['waiting', 'assigned', 'refused', 'crashed', 'silent', 'kept'] as const) expect(assignmentLabel(state, 2)).toBe('should run revision 2')
})

it('counts nodes in all states or in some, and says how many', () => {
  const counts = { waiting: 12_000, assigned: 1, applied: 5, refused: 2, crashed: 0, silent: 1, kept: 0 }
  expect(nodeCount(counts)).toBe(12_009)
  expect(nodeCount(counts, ['refused', 'silent'])).toBe(3)
  expect(countLabel('waiting', counts.waiting)).toBe('12,000 wait')
  expect(countLabel('applied', 5_000)).toBe('5,000 applied')
})
