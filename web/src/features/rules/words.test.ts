import { describe, expect, it } from 'vitest'
import { parts, sentence } from './words'

describe('a rule as a sentence', () => {
  it('says what is refused', () => {
    expect(sentence({ name: 'a', about: 'component', types: ['exec', 'http*'] })).toBe('No components of type exec, http*')
    expect(sentence({ name: 'a', about: 'component', verdict: 'allow', types: ['http'] })).toBe('Only components of type http')
    expect(sentence({ name: 'a', about: 'destination', verdict: 'allow', values: ['*.eu'] })).toBe('Events are sent only to *.eu')
    expect(sentence({ name: 'a', about: 'option', path: ['tls', 'enabled'], verdict: 'require', values: ['true'] })).toBe('tls.enabled is set, to true')
    expect(sentence({ name: 'a', about: 'option', path: ['x'] })).toBe('x is not any value')
  })
})

describe('parts of a text', () => {
  it('takes lines and commas and leaves out what is empty', () => {
    expect(parts(' a, b\n\n c ,')).toEqual(['a', 'b', 'c'])
  })
})
