import { expect, it } from 'vitest'
import { assignmentLabel } from './states'

it('says that a node runs a revision only once it reported that', () => {
  expect(assignmentLabel('applied', 2)).toBe('runs revision 2')
  for (const state of ['waiting', 'assigned', 'refused', 'crashed', 'silent', 'kept'] as const) expect(assignmentLabel(state, 2)).toBe('should run revision 2')
})
