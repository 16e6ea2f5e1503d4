import { expect, it } from 'vitest'
import type { Difference } from '@/api/gen'
import { differenceLabel } from './difference'

it('every reason reads as a sentence, and one that a newer server knows as itself', () => {
  for (const code of ['not-heard', 'policy', 'held', 'not-fetched'] as const) expect(differenceLabel(code)).toMatch(/^[A-Z].*\.$/)
  expect(differenceLabel('of-tomorrow' as Difference['code'])).toBe('of-tomorrow')
})
