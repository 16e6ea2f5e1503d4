import { describe, expect, it } from 'vitest'
import { freeName, newTable, typedValue, variableUses, withType } from './settings'
import { emptyDocument } from './types'

describe('the settings of a document', () => {
  it('begin a table with what it needs', () => {
    expect(newTable('file')).toEqual({ type: 'file', file: { path: '', encoding: { type: 'csv' } } })
    expect(newTable('mmdb')).toEqual({ type: 'mmdb', path: '' })
    expect(freeName({ table: 1, table_2: 1 }, 'table')).toBe('table_3')
  })
  it('read a variable by its type', () => {
    expect(typedValue('string', ' 1')).toBe(' 1')
    expect(typedValue('number', '1.5')).toBe(1.5)
    expect([typedValue('number', ''), typedValue('number', '1s'), typedValue('number', 'Infinity')]).toEqual([null, null, null])
    expect([typedValue('boolean', 'true'), typedValue('boolean', 'yes')]).toEqual([true, null])
  })
  it('keep a value over a change of its type where it fits', () => {
    expect(withType({ type: 'string', value: '7' }, 'number')).toEqual({ type: 'number', value: 7 })
    expect(withType({ type: 'string', value: 'x' }, 'number')).toEqual({ type: 'number', value: 0 })
    expect(withType({ type: 'boolean', value: true }, 'string')).toEqual({ type: 'string', value: 'true' })
  })
  it('count where a variable is used', () => {
    const sink = { id: 'a', kind: 'sink' as const, type: 'http', options: { uri: 'VAR[host]/VAR[host]', x: ['VAR[hosts]'] }, enabled: true, comment: 'VAR[host]' }
    expect(variableUses({ ...emptyDocument(), components: [sink], globals: { timezone: 'VAR[host]' } }, 'host')).toBe(3)
  })
})
