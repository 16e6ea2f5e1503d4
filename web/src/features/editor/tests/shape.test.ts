import { describe, expect, it } from 'vitest'
import { emptyDocument } from '../graph/types'
import { asTest, conditionText, failuresAt, failuresOfAll, fieldsOf, newTest, replaced, without } from './shape'

describe('a test in Vector’s form', () => {
  it('is shown as a form when the form can hold it', () => {
    expect(asTest({ name: 'a', inputs: [{ insert_at: 't', type: 'raw', value: 'x' }], outputs: [{ extract_from: 't' }] })).not.toBeNull()
    expect(asTest({ name: 'a', no_outputs_from: ['t'] })).not.toBeNull()
  })

  it('is left to YAML otherwise', () => {
    expect(asTest({ name: 'a', input: { insert_at: 't' } })).toBeNull()
    expect(asTest({ name: 'a', inputs: [{ insert_at: 't', type: 'metric' }] })).toBeNull()
    expect(asTest({ name: 'a', outputs: [{ extract_from: ['a', 'b'] }] })).toBeNull()
    expect(asTest('a')).toBeNull()
  })

  it('has conditions of two forms', () => {
    expect(conditionText('.a == 1')).toBe('.a == 1')
    expect(conditionText({ type: 'vrl', source: '.b' })).toBe('.b')
  })

  it('gets a name that nobody has', () => {
    const first = newTest(emptyDocument(), 't')
    expect(newTest({ ...emptyDocument(), tests: [first] }, 't').name).toBe(`${first.name} 2`)
  })
})

describe('what failed', () => {
  const result = { name: 'a', outcome: 'failed', extracted: [], failures: [{ message: 'm', output: 0, condition: 1 }, { message: 'n', output: 0, condition: null }, { message: 'all' }] }

  it('is found at its place', () => {
    expect(failuresAt(result, 0, 1).map((each) => each.message)).toEqual(['m'])
    expect(failuresAt(result, 0, null).map((each) => each.message)).toEqual(['n'])
    expect(failuresOfAll(result).map((each) => each.message)).toEqual(['all'])
    expect(failuresAt(undefined, 0, 1)).toEqual([])
  })
})

describe('lists and fields', () => {
  it('change one place', () => {
    expect(replaced([1, 2, 3], 1, 9)).toEqual([1, 9, 3])
    expect(without([1, 2, 3], 1)).toEqual([1, 3])
  })

  it('are objects or nothing', () => {
    expect(fieldsOf('{"a": 1}')).toEqual({ a: 1 })
    expect(fieldsOf('[1]')).toBeNull()
    expect(fieldsOf('{')).toBeNull()
  })
})
