import type { Finding, ImportResult } from '@/api/gen'
import { credentialOf } from '@/features/editor/fixes'
import type { Document } from '@/features/editor/graph/types'
import { wholeDocument } from '@/features/editor/graph/types'

/** One pipeline that the text makes: whether it is wanted, and how it is called. */
export type Part = { name: string; document: Document; isWanted: boolean }
type Fix = Record<string, unknown> & { action: string; name: string }

/** What becomes of a value that should not stand in a pipeline as it is. */
export type Choice = 'move' | 'refer' | 'keep'
export type Proposal = { key: string; kind: 'secret' | 'variable'; part: number; place: string; fix: Fix; name: string; choice: Choice }
/** A secret that another backend held, to be entered here. */
export type Entry = { name: string; value: string }

export function partsOf(result: ImportResult): Part[] {
  return result.documents.map(({ name, document }) => ({ name, document: wholeDocument(document), isWanted: true }))
}

function fixOf(finding: Finding, action: string): Fix | null {
  const { fix } = finding
  return fix != null && fix.action === action && typeof fix.name === 'string' ? (fix as Fix) : null
}

/** The findings that no proposal is made of: those stand for themselves. */
export function leftToTell(findings: readonly Finding[], proposals: readonly Proposal[]): Finding[] {
  const proposed = new Set(proposals.map((each) => each.key))
  return findings.filter((_finding, index) => !proposed.has(`${index}`))
}

/** What the findings propose, each at its place. `canSeal` tells whether values may go to the vault. */
export function proposalsOf(parts: readonly Part[], findings: readonly Finding[], canSeal: boolean): Proposal[] {
  return findings.flatMap((finding, index): Proposal[] => {
    const secret = fixOf(finding, 'make_secret')
    const fix = secret ?? fixOf(finding, 'make_variable')
    if (fix === null) return []
    const part = parts.findIndex((each) => each.document.components.some(({ id }) => id === fix.component))
    if (part < 0) return []
    const place = [fix.component, ...(Array.isArray(fix.path) ? (fix.path as unknown[]) : [])].map(String).join('.')
    return [{ key: `${index}`, kind: secret === null ? 'variable' : 'secret', part, place, fix, name: fix.name, choice: secret !== null && canSeal ? 'move' : 'refer' }]
  })
}

/** Secrets that came from elsewhere, each once. */
export function entriesOf(findings: readonly Finding[]): Entry[] {
  const names = findings.flatMap((finding) => fixOf(finding, 'create_secret')?.name ?? [])
  return [...new Set(names)].map((name) => ({ name, value: '' }))
}

/** The values that go to the vault, by the secret's name: those of wanted parts alone. */
export function valuesOf(parts: readonly Part[], proposals: readonly Proposal[], entries: readonly Entry[]): Map<string, string> {
  const values = new Map(entries.filter(({ value }) => value !== '').map(({ name, value }) => [name, value]))
  for (const each of proposals) {
    const part = parts[each.part]
    if (each.kind !== 'secret' || each.choice !== 'move' || part?.isWanted !== true) continue
    const value = credentialOf(part.document, each.fix)
    if (value !== null) values.set(each.name, value)
  }
  return values
}

const NAME = /^[A-Za-z0-9_-]{1,100}$/

/** Names that cannot be used: no names at all, or one name for two different values. */
export function badNames(parts: readonly Part[], proposals: readonly Proposal[]): Set<string> {
  const values = new Map<string, string | null>()
  const bad = new Set<string>()
  for (const each of proposals) {
    if (each.kind !== 'secret' || each.choice === 'keep' || parts[each.part]?.isWanted !== true) continue
    if (!NAME.test(each.name)) bad.add(each.key)
    const value = credentialOf(parts[each.part]!.document, each.fix)
    if (values.has(each.name) && values.get(each.name) !== value) bad.add(each.key)
    values.set(each.name, value)
  }
  return bad
}

/** The fixes that a part needs, with the names that were chosen. */
export function fixesOf(part: number, proposals: readonly Proposal[]): Fix[] {
  return proposals.filter((each) => each.part === part && each.choice !== 'keep').map((each) => (each.kind === 'secret' ? { ...each.fix, name: each.name } : each.fix))
}
