import type { Document } from './types'

export type Variable = Document['variables'][string]
export type TableType = 'file' | 'geoip' | 'mmdb' | 'memory'

/** How a name of a table or a variable may be written. */
export const NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_-]*$/

/** A new table of a type with what it cannot be without. */
export function newTable(type: TableType): Record<string, unknown> {
  if (type === 'file') return { type, file: { path: '', encoding: { type: 'csv' } } }
  return type === 'memory' ? { type } : { type, path: '' }
}

/** A name that is free among others. */
export function freeName(taken: Record<string, unknown>, wish: string): string {
  let name = wish
  for (let number = 2; name in taken; number += 1) name = `${wish}_${number}`
  return name
}

/** A variable's value from what was typed, or null where it is none of its type. */
export function typedValue(type: Variable['type'], text: string): Variable['value'] | null {
  if (type === 'string') return text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : null
  const value = Number(text)
  return text.trim() === '' || !Number.isFinite(value) ? null : value
}

/** A variable with another type; the value stays where it is one of the new type too. */
export function withType(variable: Variable, type: Variable['type']): Variable {
  const initial = { string: '', number: 0, boolean: false }[type]
  return { type, value: typedValue(type, String(variable.value)) ?? initial }
}

/** How many values of a document refer to one of its variables. */
export function variableUses(document: Document, name: string): number {
  const { components, globals, enrichment_tables: tables, tests } = document
  return JSON.stringify([components.map((each) => each.options), globals, tables, tests]).split(`VAR[${name}]`).length - 1
}
