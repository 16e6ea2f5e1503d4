import type { OptionSpec } from '@/api/gen'
import type { ComponentSpec, Kind, SpecIndex } from '../graph/types'

/** Where the cursor stands in a YAML text: the keys that lead there, and whether it is at a key or at its value. */
export type Context = { path: string[]; at: 'key' | 'value'; word: string; from: number }

const KINDS: Record<string, Kind> = { sources: 'source', transforms: 'transform', sinks: 'sink' }
const KEY = /^(\s*)((?:- )*)("?)([A-Za-z_][\w.-]*)\3\s*:(?:\s|$)/

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

/** The column at which the content of a line begins, dashes of lists left out. */
function contentColumn(line: string): number {
  return /^\s*(?:- +)*/.exec(line)?.[0].length ?? 0
}

function isBlank(line: string): boolean {
  return line.trim() === '' || line.trimStart().startsWith('#')
}

/** The keys above a line that are less deep than a column, outermost first; `*` stands for an item of a list. */
function parents(lines: readonly string[], row: number, column: number): string[] {
  const found: string[] = []
  let limit = column
  for (let index = row - 1; index >= 0 && limit > 0; index -= 1) {
    const line = lines[index] ?? ''
    const own = contentColumn(line)
    if (isBlank(line) || own > limit) continue
    const indent = indentOf(line)
    if (indent < own && own === limit) {
      // The item that this line belongs to begins here.
      found.unshift('*')
      limit = indent + 1
    } else if (own < limit) {
      const key = KEY.exec(line)?.[4]
      if (key === undefined) continue
      found.unshift(key)
      if (indent < own) found.unshift('*')
      limit = indent < own ? indent + 1 : own
    }
  }
  return found
}

/** The context at an offset of a text, or null in comments and inside of block texts. */
export function contextAt(text: string, offset: number): Context | null {
  const before = text.slice(0, offset)
  const lines = text.split('\n')
  const row = before.split('\n').length - 1
  const line = lines[row] ?? ''
  const typed = before.slice(before.lastIndexOf('\n') + 1)
  if (/(^|\s)#/.test(typed)) return null
  if (inBlockText(lines, row)) return null
  const column = line.trim() === '' ? typed.length : contentColumn(line)
  const hasDash = line.trim() !== '' && indentOf(line) < column
  const path = [...parents(lines, row, hasDash ? indentOf(line) + 1 : column), ...(hasDash ? ['*'] : [])]
  const key = /^\s*(?:- +)*("?)([A-Za-z_][\w.-]*)\1\s*:\s+(.*)$/.exec(typed)
  if (key !== null) {
    const word = /[^[\],\s"']*$/.exec(key[3] ?? '')?.[0] ?? ''
    return { path: [...path, key[2] ?? ''], at: 'value', word, from: offset - word.length }
  }
  const word = /[^\s"'[\],-][^\s"'[\],]*$/.exec(typed)?.[0] ?? ''
  return { path, at: 'key', word, from: offset - word.length }
}

function inBlockText(lines: readonly string[], row: number): boolean {
  let limit = (lines[row] ?? '').trim() === '' ? Infinity : indentOf(lines[row] ?? '')
  for (let index = row - 1; index >= 0; index -= 1) {
    const line = lines[index] ?? ''
    if (line.trim() === '' || indentOf(line) >= limit) continue
    if (/:\s*[|>][+-]?\d?\s*(#.*)?$/.test(line)) return true
    limit = indentOf(line)
    if (limit === 0) return false
  }
  return false
}

/** The type that a component has in the text, whether it is valid YAML at the moment or not. */
export function typeInText(text: string, section: string, id: string): string | null {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`${section}:`))
  if (start < 0) return null
  const own = lines.findIndex((line, index) => index > start && (line.trimEnd() === `  ${id}:` || line.startsWith(`  ${id}: `)))
  for (let index = own + 1; own >= 0 && index < lines.length; index += 1) {
    const line = lines[index] ?? ''
    if (!isBlank(line) && indentOf(line) <= 2) break
    const match = /^\s{3,}type:\s*"?([a-z0-9_]+)/.exec(line)
    if (match !== null) return match[1] ?? null
  }
  return null
}

/** What the catalogue knows at a path: the component, and the options or the one option there. */
export type Known = { component: ComponentSpec | undefined; options: Record<string, OptionSpec> | null; option: OptionSpec | null }

function optionsOf(spec: OptionSpec): Record<string, OptionSpec> {
  const variants = (spec.any_of ?? []).map(optionsOf)
  return Object.assign({}, ...variants.reverse(), spec.options ?? {}) as Record<string, OptionSpec>
}

function variantsOf(spec: OptionSpec): OptionSpec[] {
  return [spec, ...(spec.any_of ?? []).flatMap(variantsOf)]
}

/** An option by its name or another one that Vector takes for it. */
function named(options: Record<string, OptionSpec>, step: string): OptionSpec | null {
  return options[step] ?? Object.values(options).find((each) => each.aliases?.includes(step) === true) ?? null
}

function inner(spec: OptionSpec, step: string): OptionSpec | null {
  for (const each of variantsOf(spec)) {
    if (step === '*' && each.items != null) return each.items
    const found = named(each.options ?? {}, step) ?? (each.type === 'map' || each.values != null ? each.values : undefined)
    if (step !== '*' && found != null) return found
  }
  return null
}

/** Follows a path of the text into the catalogue. */
export function knownAt(text: string, path: readonly string[], specs: SpecIndex): Known {
  const [section = '', id = '', ...rest] = path
  const kind = KINDS[section]
  const type = kind === undefined || id === '' ? null : typeInText(text, section, id)
  const component = kind !== undefined && type !== null ? specs.get({ kind, type }) : undefined
  if (component === undefined) return { component, options: null, option: null }
  let options: Record<string, OptionSpec> | null = component.options
  let option: OptionSpec | null = null
  for (const step of rest) {
    option = option === null ? named(component.options, step) : inner(option, step)
    if (option === null) return { component, options: null, option: null }
    options = optionsOf(option)
  }
  return { component, options, option }
}

/** The kind of component that a section of the text holds. */
export function kindOf(section: string | undefined): Kind | undefined {
  return section === undefined ? undefined : KINDS[section]
}
