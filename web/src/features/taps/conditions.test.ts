import { describe, expect, it } from 'vitest'
import { conditionsFrom } from './conditions'

describe('conditions', () => {
  it('reads one on each line', () => {
    expect(conditionsFrom('level=error\n\n .http.status > 499 \nmessage~two words\n.user.id?\na!=b=c')).toEqual({
      where: [
        { path: 'level', operator: 'eq', value: 'error' },
        { path: '.http.status', operator: 'gt', value: '499' },
        { path: 'message', operator: 'contains', value: 'two words' },
        { path: '.user.id', operator: 'exists', value: '' },
        { path: 'a', operator: 'ne', value: 'b=c' },
      ],
      problem: null,
    })
  })

  it('takes a line of VRL as it is', () => {
    expect(conditionsFrom('level=error\n vrl: .status >= 500 && .path != "/a:b" ')).toEqual({
      where: [
        { path: 'level', operator: 'eq', value: 'error' },
        { path: '.', operator: 'vrl', value: '.status >= 500 && .path != "/a:b"' },
      ],
      problem: null,
    })
    expect(conditionsFrom('vrl: ').problem).toBe('vrl:')
  })

  it('names the line that is none', () => {
    expect(conditionsFrom('level=error\nlevel is error').problem).toBe('level is error')
  })
})
