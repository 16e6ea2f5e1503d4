import { describe, expect, it } from 'vitest'
import type { Finding } from '@/api/gen'
import { badNames, entriesOf, fixesOf, leftToTell, partsOf, proposalsOf, valuesOf } from './plan'
import { MOST_BYTES, nameOf, readFiles, refusalOf } from './read-files'

const component = (id: string, options: Record<string, unknown>) => ({ id, kind: 'sink' as const, type: 'http', options })
const parts = partsOf({
  documents: [
    { name: 'a', document: { components: [component('one', { auth: { password: 'hunter2' } })] } },
    { name: 'b', document: { components: [component('two', { uri: 'https://u:pw@h/${ENV}' })] } },
  ],
  findings: [],
})
const finding = (fix: Record<string, unknown>): Finding => ({ rule: 'x', severity: 'note', message: 'm', fix })
const findings = [
  finding({ action: 'make_secret', component: 'one', path: ['auth', 'password'], name: 'one-password' }),
  finding({ action: 'make_secret', component: 'two', path: ['uri'], name: 'two-uri' }),
  finding({ action: 'make_variable', component: 'two', path: ['uri'], name: 'ENV' }),
  finding({ action: 'create_secret', name: 'elsewhere' }),
  finding({ action: 'create_secret', name: 'elsewhere' }),
]

describe('the plan of an import', () => {
  const proposals = proposalsOf(parts, findings, true)

  it('finds each value at its place', () => {
    expect(proposals.map(({ kind, part, place, choice }) => [kind, part, place, choice])).toEqual([
      ['secret', 0, 'one.auth.password', 'move'],
      ['secret', 1, 'two.uri', 'move'],
      ['variable', 1, 'two.uri', 'refer'],
    ])
    expect(proposalsOf(parts, findings, false)[0]?.choice).toBe('refer')
    expect(entriesOf(findings)).toEqual([{ name: 'elsewhere', value: '' }])
    expect(leftToTell(findings, proposals)).toEqual(findings.slice(3))
  })

  it('sends values of wanted parts alone', () => {
    expect([...valuesOf(parts, proposals, [{ name: 'elsewhere', value: 'v' }])]).toEqual([['elsewhere', 'v'], ['one-password', 'hunter2'], ['two-uri', 'pw']])
    const some = parts.map((each, at) => ({ ...each, isWanted: at === 1 }))
    expect([...valuesOf(some, proposals, []).keys()]).toEqual(['two-uri'])
    expect([...valuesOf(parts, proposals.map((each) => ({ ...each, choice: 'keep' as const })), []).keys()]).toEqual([])
  })

  it('refuses one name for two values', () => {
    const same = proposals.map((each) => ({ ...each, name: 'same' }))
    expect([...badNames(parts, same)]).toEqual(['1'])
    expect([...badNames(parts, proposals.map((each) => ({ ...each, name: 'no name' })))]).toEqual(['0', '1'])
    expect(badNames(parts, proposals).size).toBe(0)
  })

  it('applies the chosen names', () => {
    const renamed = proposals.map((each) => ({ ...each, name: 'mine' }))
    expect(fixesOf(0, renamed)).toMatchObject([{ action: 'make_secret', name: 'mine' }])
    expect(fixesOf(1, renamed)).toMatchObject([{ name: 'mine' }, { action: 'make_variable', name: 'ENV' }])
  })
})

describe('files', () => {
  const file = (name: string, bytes: Uint8Array<ArrayBuffer>, path = '') => ({ name, size: bytes.length, webkitRelativePath: path, arrayBuffer: () => Promise.resolve(bytes.buffer) })
  const text = (value: string) => new TextEncoder().encode(value)

  it('are named below the chosen folder', () => {
    expect(nameOf({ name: 'a.yaml', webkitRelativePath: 'conf/sources/a.yaml' })).toBe('sources/a.yaml')
    expect(nameOf({ name: 'a.yaml' })).toBe('a.yaml')
  })

  it('are read as text, others left out', async () => {
    const given = await readFiles([file('a.yaml', text('x: é')), file('b.png', text('?'))], false)
    expect(given.files).toEqual({ 'a.yaml': 'x: é' })
  })

  it('are refused in words', async () => {
    await expect(readFiles([file('b.png', text('?'))], false)).rejects.toThrow('no .yaml')
    await expect(readFiles([file('a.yaml', new Uint8Array([0xff, 0xfe]))], false)).rejects.toThrow('not text in UTF-8')
    await expect(readFiles([{ ...file('a.yaml', text('')), size: MOST_BYTES + 1 }], false)).rejects.toThrow('at most 5 MB')
    expect(refusalOf('x'.repeat(MOST_BYTES + 1))).toContain('at most 5 MB')
    expect(refusalOf('x')).toBeNull()
  })
})
