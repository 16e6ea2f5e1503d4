import { readFileSync } from 'node:fs'
import { wcagContrast } from 'culori'
import { describe, expect, it } from 'vitest'

const css = readFileSync('src/ui/tokens.css', 'utf8')
const table = new Map<string, [string, string]>()
for (const [, name = '', light = '', dark = ''] of css.matchAll(/--([a-z-]+): light-dark\((oklch\([^)]*\)), (oklch\([^)]*\))\)/g)) {
  table.set(name, [light, dark])
}

function contrast(a: string, b: string, theme: 0 | 1): number {
  const [first, second] = [table.get(a), table.get(b)]
  if (first === undefined || second === undefined) throw new Error(`There is no token ${a} or ${b}.`)
  return wcagContrast(first[theme], second[theme])
}

const GROUNDS = ['background', 'surface', 'raised', 'sunken', 'hover', 'selected']
const STATES = ['good', 'warn', 'bad', 'unknown']
const KINDS = ['source', 'transform', 'sink']
const TEXT: [string, string][] = [
  ...GROUNDS.flatMap((ground): [string, string][] => [
    ['text', ground],
    ['secondary', ground],
  ]),
  ...[...STATES, ...KINDS].flatMap((hue): [string, string][] => [
    [hue, 'background'],
    [hue, 'surface'],
    [hue, 'raised'],
    [hue, `${hue}-tint`],
  ]),
  ['on-primary', 'primary'],
  ['text', 'good-tint'],
  ['text', 'bad-tint'],
  ['text', 'warn-tint'],
  ['text', 'unknown-tint'],
  ['secondary', 'unknown-tint'],
]
const MARKS: [string, string][] = ['background', 'surface', 'raised', 'sunken'].flatMap((ground): [string, string][] => [
  ['control', ground],
  ['focus', ground],
])

describe.each([
  ['light', 0],
  ['dark', 1],
] as const)('the %s theme', (_name, theme) => {
  it.each(TEXT)('shows %s on %s with at least 4.5 : 1', (text, ground) => {
    expect(contrast(text, ground, theme)).toBeGreaterThanOrEqual(4.5)
  })
  it.each(MARKS)('shows the control colour %s on %s with at least 3 : 1', (mark, ground) => {
    expect(contrast(mark, ground, theme)).toBeGreaterThanOrEqual(3)
  })
})

it('every token has both themes', () => {
  const names = [...css.matchAll(/^ {2}--([a-z-]+):/gm)].map((match) => match[1])
  expect(names.sort()).toEqual([...table.keys()].sort())
})
