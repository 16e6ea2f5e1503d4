import { describe, expect, it } from 'vitest'
import type { Finding } from '@/api/gen'
import { wholeDocument } from '../graph/types'
import { lineOfFinding, Places } from './places'

const TEXT = `# head
sources:
  in:
    type: demo_logs
transforms:
  parse:
    type: remap
    inputs: [in]
    source: |
      .a = 1
      .b = nothing()
sinks:
  out:
    type: console
    encoding:
      codec: json
`
const document = wholeDocument({
  components: [
    { id: 'in', kind: 'source', type: 'demo_logs' },
    { id: 'parse', kind: 'transform', type: 'remap' },
    { id: 'out', kind: 'sink', type: 'console' },
  ],
})
const finding = (change: Partial<Finding>): Finding => ({ rule: 'r', severity: 'error', message: 'm', ...change })
const line = (change: Partial<Finding>, compiled: Places | null = null) => lineOfFinding(finding(change), document, new Places(TEXT), compiled)

describe('the line of a finding', () => {
  it('is that of its option, else of what is around it', () => {
    expect(line({ component: 'out', path: ['encoding', 'codec'] })).toBe(16)
    expect(line({ component: 'out', path: ['encoding', 'absent'] })).toBe(15)
    expect(line({ component: 'in' })).toBe(3)
    expect(line({ component: 'nobody' })).toBeNull()
    expect(line({})).toBeNull()
  })
  it('is the line of the program, wherever the program stands in what was compiled', () => {
    const compiled = new Places('transforms:\n  parse:\n    source: |\n      .a = 1\n      .b = nothing()\n')
    expect(line({ rule: 'vrl.E105', component: 'parse', path: ['source'], line: 5 }, compiled)).toBe(11)
  })
  it('is known above an error too', () => {
    expect(new Places('sources:\n  in:\n    type: [\n').lineOf(['sources', 'in'])).toBe(2)
  })
})

it('knows which component a line belongs to', () => {
  const places = new Places(TEXT)
  expect([1, 3, 4, 6, 11, 12, 16].map((each) => places.componentAt(each))).toEqual([null, 'in', 'in', 'parse', 'parse', null, 'out'])
})
