import { describe, expect, it } from 'vitest'
import type { Finding } from '@/api/gen'
import { lineOf, lineOfFinding } from './finding-place'

const YAML = 'sources:\n  in:\n    type: demo_logs\n    format: x\nsinks:\n  out:\n    type: console\n    encoding:\n      codec: json\n'
const finding = (change: Partial<Finding>): Finding => ({ rule: 'r', severity: 'error', message: 'm', ...change })

describe('the place of a finding', () => {
  it('finds where a component begins', () => {
    expect(lineOf(YAML, 'out')).toBe(6)
    expect(lineOf(YAML, 'absent')).toBeNull()
  })
  it('takes the line of the check before all else', () => {
    expect(lineOfFinding(YAML, finding({ line: 3, component: 'out' }))).toBe(3)
  })
  it('goes to the option, else to the component, and never into another one', () => {
    expect(lineOfFinding(YAML, finding({ component: 'out', path: ['encoding', 'codec'] }))).toBe(8)
    expect(lineOfFinding(YAML, finding({ component: 'out', path: ['absent'] }))).toBe(6)
    expect(lineOfFinding(YAML, finding({ component: 'in', path: ['encoding'] }))).toBe(2)
    expect(lineOfFinding(YAML, finding({}))).toBeNull()
  })
})
