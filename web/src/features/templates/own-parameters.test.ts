import { describe, expect, it } from 'vitest'
import type * as api from '@/api/gen'
import { emptyDocument, SpecIndex } from '@/features/editor/graph/types'
import { candidates, nameFor, parametrised } from './own-parameters'

const specs = new SpecIndex({
  components: [
    {
      kind: 'sink',
      type: 'http',
      options: {
        uri: { type: 'string' },
        method: { type: 'string', enum: ['post', 'put'] },
        code: { type: 'vrl' },
        auth: { type: 'object', options: { user: { type: 'string' }, password: { type: 'string', sensitive: true } } },
        batch: { type: 'object', options: { max_events: { type: 'integer' } } },
        hosts: { type: 'array', items: { type: 'string' } },
        api_key: { type: 'string' },
      },
    },
  ] as unknown as api.ComponentSpec[],
})
const options = {
  uri: 'https://a.example',
  method: 'post',
  code: '.a = 1',
  auth: { user: 'ann', password: 'hunter2' },
  batch: { max_events: 5 },
  hosts: ['one', 'VAR[two]', 'SECRET[three]'],
  api_key: 'x',
  unknown: 'y',
}
const document = { ...emptyDocument(), components: [{ id: 'out', kind: 'sink' as const, type: 'http', options, enabled: true, comment: '' }] }
const found = candidates(document, specs)

describe('the parameters of a template of one’s own', () => {
  it('can be plain values, never credentials, programs or what the catalogue does not know', () => {
    expect(found.map((each) => each.title)).toEqual(['uri', 'auth.user', 'batch.max_events', 'hosts.0'])
    expect(candidates({ ...document, components: document.components.map((each) => ({ ...each, type: 'strange' })) }, specs)).toEqual([])
  })
  it('become variables in the place of the values', () => {
    const chosen = found.map((candidate) => ({ candidate, name: nameFor(candidate, {}) }))
    const made = parametrised(document, chosen)
    expect(made.components[0]?.options).toEqual({ ...options, uri: 'VAR[out_uri]', auth: { user: 'VAR[out_user]', password: 'hunter2' }, batch: { max_events: 'VAR[out_max_events]' }, hosts: ['VAR[out_hosts]', 'VAR[two]', 'SECRET[three]'] })
    expect(made.variables).toMatchObject({ out_uri: { type: 'string', value: 'https://a.example' }, out_max_events: { type: 'number', value: 5 } })
    expect(document.components[0]?.options).toBe(options)
  })
  it('have names that are free', () => {
    const [first] = found
    if (first === undefined) throw new Error('nothing found')
    expect(nameFor(first, { out_uri: 1 })).toBe('out_uri_2')
  })
})
