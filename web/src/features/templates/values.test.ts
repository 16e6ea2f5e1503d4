import { describe, expect, it } from 'vitest'
import type { TemplateListed } from '@/api/gen'
import { initialValues, lines, matches, missing, previewed, sent } from './values'

const template: TemplateListed = {
  id: 't',
  title: 'Mask e-mail addresses',
  summary: 'In text',
  about: '',
  category: 'protection',
  tags: ['personal data'],
  types: ['remap'],
  parameters: [
    { name: 'uri', title: 'Where to', type: 'text' },
    { name: 'words', title: 'Words', type: 'texts', default: [] },
    { name: 'rate', title: 'Rate', type: 'number', default: 10 },
  ],
  examples: { uri: 'https://example.com' },
}

describe('the values of a template', () => {
  it('begin with the defaults', () => {
    expect(initialValues(template)).toEqual({ words: [], rate: 10 })
  })

  it('are sent when they are given, or empty on purpose', () => {
    expect(sent(template, { words: [], rate: 3, uri: '' })).toEqual({ words: [], rate: 3 })
  })

  it('are filled with examples for a look', () => {
    expect(previewed(template, { rate: 3 })).toEqual({ uri: 'https://example.com', words: [], rate: 3 })
  })

  it('name what is missing', () => {
    expect(missing(template, { uri: '' })).toEqual(['uri'])
    expect(missing(template, { uri: 'x' })).toEqual([])
  })

  it('are lines without empty ones', () => {
    expect(lines(' a \n\n b')).toEqual(['a', 'b'])
  })
})

describe('the search', () => {
  it('finds all words anywhere', () => {
    expect(matches(template, 'mail PERSONAL remap')).toBe(true)
    expect(matches(template, 'mail kafka')).toBe(false)
  })
})
