import { describe, expect, it } from 'vitest'
import { safeLine, visible } from './lines'

const HOSTILE = { a: '\u001b[31m\u0007\r\n\u202e\u2028\u009b', '=cmd': '=1+1', smile: '\u{1f600}' }

describe('lines', () => {
  it('hold nothing that steers a terminal and lose nothing', () => {
    const line = safeLine(HOSTILE)
    expect(line).toMatch(/^\{[^\u0000-\u001f\u007f-\u009f\u2028\u202e]*\}$/)
    expect(JSON.parse(line)).toEqual(HOSTILE)
  })

  it('are shown with what cannot be seen', () => {
    expect(visible('a\u001b[31mb\u202ec\nd')).toBe('a\\u001b[31mb\\u202ec\u21b5d')
  })
})
