import { describe, expect, it } from 'vitest'
import { queryOf, startOf } from './query'

describe('the filter of the log', () => {
  it('names only what is asked for', () => {
    expect(queryOf({})).toEqual({})
    expect(queryOf({ q: 'x', actor: 'a', type: 't', object: 'o', record: 3 })).toEqual({ q: 'x', actor_id: 'a', object_type: 't', object_id: 'o' })
  })

  it('takes the last day with all of it, over the end of a month', () => {
    const query = queryOf({ from: '2026-01-31', to: '2026-01-31' })
    expect(Date.parse(query.to ?? '') - Date.parse(query.from ?? '')).toBe(86_400_000)
  })

  it('leaves out a day that is none', () => {
    expect(startOf('x', 0)).toBeUndefined()
  })
})
