import { describe, expect, it } from 'vitest'
import type { VrlFunctionHelp } from '@/api/gen'
import { completionsFor } from './assist'

const parse: VrlFunctionHelp = {
  name: 'parse_json',
  category: 'Parse',
  summary: 's',
  signature: 'parse_json(value: string)',
  arguments: [{ name: 'value', types: ['string'] }],
  returns: ['any'],
  fallible: true,
  compiles_here: true,
  example: { program: 'parse_json!("1")', result: '1' },
  since: null,
  deprecated: false,
}
const labels = (before: string) => completionsFor(before, [parse], ['.a', '.a.b'])?.options.map((each) => each.label)

describe('completion in a program', () => {
  it('offers the fields that were seen after a dot', () => {
    expect(labels('.x = .a')).toEqual(['.a', '.a.b'])
    expect(labels('.')).toEqual(['.a', '.a.b'])
  })
  it('explains a function with an example and its result', () => {
    const option = completionsFor('.x = par', [parse], [])?.options.find((each) => each.label === 'parse_json')
    expect(option?.info).toContain('parse_json!("1") → 1')
  })
  it('says of an example without a fixed result that it differs', () => {
    const now = { ...parse, name: 'now', example: { program: 'now()', result: null } }
    const option = completionsFor('.x = no', [now], [])?.options.find((each) => each.label === 'now')
    expect(option?.info).toContain('now() → differs')
  })
  it('offers functions at words, and nothing in comments or after values', () => {
    expect(labels('.x = par')).toContain('parse_json')
    expect(labels('if')).toContain('if')
    expect(labels('# par')).toBeUndefined()
    expect(labels('foo().a')).toBeUndefined()
  })
})
