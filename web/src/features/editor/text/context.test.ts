import { describe, expect, it } from 'vitest'
import type * as api from '@/api/gen'
import { SpecIndex } from '../graph/types'
import { contextAt, knownAt, typeInText } from './context'

/** The context where `|` stands in a text. */
function at(marked: string) {
  const offset = marked.indexOf('|')
  const text = marked.slice(0, offset) + marked.slice(offset + 1)
  const found = contextAt(text, offset)
  return found === null ? null : { path: found.path.join('/'), at: found.at, word: found.word }
}

const HEAD = 'sinks:\n  out:\n    type: http\n'

describe('the context of the cursor', () => {
  it.each([
    ['so|', '', 'key', 'so'],
    ['sources:\n  |', 'sources', 'key', ''],
    [`${HEAD}    |`, 'sinks/out', 'key', ''],
    [`${HEAD}    enc|`, 'sinks/out', 'key', 'enc'],
    [`${HEAD}    encoding:\n      |`, 'sinks/out/encoding', 'key', ''],
    [`${HEAD}    encoding:\n      codec: js|`, 'sinks/out/encoding/codec', 'value', 'js'],
    [`${HEAD}    inputs: [a, b.e|]`, 'sinks/out/inputs', 'value', 'b.e'],
    ['transforms:\n  r:\n    routes:\n      - name: a\n        |', 'transforms/r/routes/*', 'key', ''],
    ['transforms:\n  r:\n    routes:\n    - name: a\n      cond|', 'transforms/r/routes/*', 'key', 'cond'],
    ['transforms:\n  r:\n    routes:\n    - na|', 'transforms/r/routes/*', 'key', 'na'],
    [`${HEAD}\n    # a remark\n    |`, 'sinks/out', 'key', ''],
  ])('%j', (text, path, place, word) => {
    expect(at(text)).toEqual({ path, at: place, word })
  })
  it('is nothing in comments and programs', () => {
    expect(at(`${HEAD}    # enc|`)).toBeNull()

    const program = 'transforms:\n  p:\n    source: >\n      .a = 1\n      .b'
    expect(contextAt(program, program.length)).toBeNull()
  })
})

const specs = new SpecIndex({
  components: [
    {
      kind: 'sink',
      type: 'http',
      title: 'HTTP',
      help: '',
      status: 'stable',
      category: 'x',
      options: {
        encoding: { type: 'object', options: { codec: { type: 'string', enum: ['json', 'text'] } } },
        auth: { type: 'union', aliases: ['sign_in'], any_of: [{ type: 'object', options: { token: { type: 'string' } } }, { type: 'object', options: { user: { type: 'string' } } }] },
        headers: { type: 'map', values: { type: 'string' } },
        routes: { type: 'array', items: { type: 'object', options: { name: { type: 'string' } } } },
      },
    },
  ] as unknown as api.ComponentSpec[],
})

describe('what the catalogue knows at a path', () => {
  const names = (path: string) => Object.keys(knownAt(HEAD, path.split('/'), specs).options ?? {})
  it('follows objects, unions, lists and maps', () => {
    expect(names('sinks/out')).toContain('encoding')
    expect(names('sinks/out/encoding')).toEqual(['codec'])
    expect(names('sinks/out/auth').sort()).toEqual(['token', 'user'])
    expect(names('sinks/out/routes/*')).toEqual(['name'])
    expect(knownAt(HEAD, ['sinks', 'out', 'headers', 'x'], specs).option?.type).toBe('string')
    expect(knownAt(HEAD, ['sinks', 'none'], specs).component).toBeUndefined()
    expect(knownAt(HEAD, ['sinks', 'out', 'sign_in', 'user'], specs).option?.type).toBe('string')
  })
  it('finds the type in a text that is no YAML at the moment', () => {
    expect(typeInText('sinks:\n  other:\n    type: file\n  out:\n    enc [\n    type: http\n', 'sinks', 'out')).toBe('http')
    expect(typeInText('sinks:\n  out:\n  next:\n    type: http\n', 'sinks', 'out')).toBeNull()
  })
})
