import { describe, expect, it } from 'vitest'
import type { OptionSpec } from '@/api/gen'
import { blank, describeDefault, fits, foreignSecret, holds, renameMember, secretName, secretReference, titleOf, variantOf, withMember } from './values'

const specs: Record<string, OptionSpec> = { codec: { type: 'string', default: 'text' }, on: { type: 'boolean', default: true } }

describe('values of options', () => {
  it('know their secrets', () => {
    expect(secretName(secretReference('a-b_1'))).toBe('a-b_1')
    expect(secretName('x SECRET[a]')).toBeNull()
    expect(secretName('SECRET[a.b]')).toBeNull()
    expect([foreignSecret('SECRET[a.b]'), foreignSecret('plain'), foreignSecret(7)]).toEqual(['a.b', null, null])
  })
  it('fit their form, or are shown as YAML', () => {
    expect(fits({ type: 'object' }, [])).toBe(false)
    expect(fits({ type: 'object' }, true)).toBe(false)
    expect(fits({ type: 'integer' }, 'VAR[size]')).toBe(true)
    expect(fits({ type: 'integer' }, '5')).toBe(false)
    expect(fits({ type: 'condition' }, { type: 'vrl', source: '' })).toBe(false)
    expect(fits({ type: 'string' }, undefined)).toBe(true)
  })
  it('keep their order when one changes', () => {
    expect(Object.keys(withMember({ a: 1, b: 2, c: 3 }, 'b', 9))).toEqual(['a', 'b', 'c'])
    expect(withMember({ a: 1, b: 2 }, 'a', undefined)).toEqual({ b: 2 })
    expect(Object.keys(renameMember({ a: 1, b: 2, c: 3 }, 'b', 'x'))).toEqual(['a', 'x', 'c'])
  })
  it('are relevant by their siblings, with defaults counted', () => {
    expect(holds('codec = "csv" or codec = "text"', {}, specs)).toBe(true)
    expect(holds('codec = "csv" or codec = "text"', { codec: 'json' }, specs)).toBe(false)
    expect(holds('on = true and codec = "json"', { codec: 'json' }, specs)).toBe(true)
    expect(holds('on = false', {}, specs)).toBe(false)
    expect(holds('something(else)', {}, specs)).toBe(true)
    expect(holds(null, {}, specs)).toBe(true)
  })
  it('find their form in a union', () => {
    const union: OptionSpec = {
      type: 'union',
      any_of: [
        { type: 'string', enum: ['bytes'] },
        { type: 'object', options: { kind: { type: 'string', required: true, enum: ['a'] } } },
        { type: 'object', options: { kind: { type: 'string', required: true, enum: ['b'] } } },
      ],
    }
    expect(variantOf(union, 'bytes')).toBe(0)
    expect(variantOf(union, { kind: 'b' })).toBe(2)
    expect(variantOf(union, { other: 1 })).toBe(1)
    expect(blank(union)).toBe('')
  })
  it('are described', () => {
    expect(titleOf('max_bytes', undefined)).toBe('Max bytes')
    expect(titleOf('uri', { type: 'string', title: 'URI' })).toBe('URI')
    expect(describeDefault({ type: 'integer', default: 0 })).toBe('0')
    expect(describeDefault({ type: 'object', default: {} })).toBeNull()
    expect(describeDefault({ type: 'string' })).toBeNull()
    expect(describeDefault({ type: 'integer', default: 9223372036854775807 })).toBe('no limit')
  })
})
