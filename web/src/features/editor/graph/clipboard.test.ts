import { describe, expect, it } from 'vitest'
import { groupLines, withGroupLines } from './clipboard'

describe('groups on the clipboard', () => {
  const groups = { 'Clean\u2028up: "a"': { members: ['a', 'b'], collapsed: true }, second: { members: ['c'], collapsed: false } }

  it('are comments of one line, and come back', () => {
    const text = withGroupLines('sinks: {}\n', groups)
    expect(text.split(/[\n\u0085\u2028\u2029]/)).toHaveLength(4)
    expect(text.split('\n').slice(1, 3).every((line) => line.startsWith('# '))).toBe(true)
    expect(groupLines(text)).toEqual({ text: 'sinks: {}\n', groups })
  })
  it('leave every other text alone', () => {
    expect(withGroupLines('sinks: {}', {})).toBe('sinks: {}')
    for (const text of ['sinks: {}', '# vectorflow:group of mine\nsinks: {}\n', '# vectorflow group {"name":1,"members":[]}', '# vectorflow group {"name":"a","members":[1]}']) {
      expect(groupLines(text)).toEqual({ text, groups: {} })
    }
  })
})
