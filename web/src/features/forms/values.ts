import type { OptionSpec } from '@/api/gen'
import { t } from '@/lib/i18n'
import { heading } from '@/lib/words'

export type Options = Record<string, unknown>
export type Path = (string | number)[]

const SECRET = /^SECRET\[([A-Za-z0-9_-]+)\]$/
const VARIABLE = /VAR\[[A-Za-z0-9_-]+\]/

/** Whether a value is an object with named members. */
export function isRecord(value: unknown): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The name of the secret that a value refers to, or null. */
export function secretName(value: unknown): string | null {
  return typeof value === 'string' ? (SECRET.exec(value)?.[1] ?? null) : null
}

/** The backend and key of a reference to a secret that names its backend, which only an imported text has. */
export function foreignSecret(value: unknown): string | null {
  return typeof value === 'string' ? (/^SECRET\[([^\]]+)\]$/.exec(value)?.[1] ?? null) : null
}

/** The name under which an option stands in these values: its own, or another that Vector takes for it. */
export function writtenName(name: string, spec: OptionSpec, value: Options): string {
  if (name in value) return name
  return (spec.aliases ?? []).find((each) => each in value) ?? name
}

/** How a secret is written in a document. */
export function secretReference(name: string): string {
  return `SECRET[${name}]`
}

/** Whether the form of an option can show this value; otherwise it is shown as YAML. */
export function fits(spec: OptionSpec, value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (typeof value === 'string' && VARIABLE.test(value)) return ['string', 'integer', 'number', 'vrl', 'condition'].includes(spec.type)
  switch (spec.type) {
    case 'string':
    case 'vrl':
    case 'condition':
      return typeof value === 'string'
    case 'integer':
    case 'number':
      return typeof value === 'number'
    case 'boolean':
      return typeof value === 'boolean'
    case 'array':
      return Array.isArray(value)
    case 'object':
    case 'map':
      return isRecord(value)
    default:
      return true
  }
}

/** Sets or (with undefined) removes one member; the order of the others stays. */
export function withMember(value: Options, name: string, member: unknown): Options {
  if (member === undefined) return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name))
  return { ...value, [name]: member }
}

/** Gives a member another name in the same place. */
export function renameMember(value: Options, from: string, to: string): Options {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key === from ? to : key, member]))
}

/** What a new item of a list or a map starts as. */
export function blank(spec: OptionSpec | null | undefined): unknown {
  if (spec?.default != null) return spec.default
  switch (spec?.type) {
    case 'object':
    case 'map':
      return {}
    case 'array':
      return []
    case 'integer':
    case 'number':
      return 0
    case 'boolean':
      return false
    case 'union':
      return blank(spec.any_of?.[0])
    default:
      return ''
  }
}

const COMPARISON = /^\s*([a-z0-9_]+)\s*=\s*(?:"([^"]*)"|(true|false))\s*$/

function meets(comparison: string, siblings: Options, specs: Record<string, OptionSpec>): boolean {
  const match = COMPARISON.exec(comparison)
  // What this form cannot read is shown rather than hidden.
  if (match === null) return true
  const [, name = '', text, flag] = match
  const actual = siblings[name] ?? specs[name]?.default
  return text === undefined ? actual === (flag === 'true') : actual === text
}

/** Whether a condition over sibling options (`codec = "csv" or codec = "text"`) holds. */
export function holds(condition: string | null | undefined, siblings: Options, specs: Record<string, OptionSpec>): boolean {
  if (condition == null) return true
  return condition.split(' or ').some((each) => each.split(' and ').every((one) => meets(one, siblings, specs)))
}

/** The first form of a union that a value has, by type and by the fixed values of its members. */
export function variantOf(spec: OptionSpec, value: unknown): number {
  const variants = spec.any_of ?? []
  const matches = (variant: OptionSpec): boolean => {
    if (!fits(variant, value)) return false
    if (variant.enum != null && variant.enum.length > 0) return variant.enum.includes(String(value))
    if (!isRecord(value) || variant.options == null) return true
    return Object.entries(variant.options).every(([name, option]) => {
      const member = value[name]
      if (member === undefined) return option.required !== true
      return option.enum == null || (typeof member === 'string' && option.enum.includes(member))
    })
  }
  const exact = variants.findIndex(matches)
  return exact >= 0 ? exact : Math.max(0, variants.findIndex((variant) => fits(variant, value)))
}

/** The title of an option: its own, or its name in plain words. */
export function titleOf(name: string, spec: OptionSpec | undefined): string {
  if (spec?.title != null && spec.title !== '') return spec.title
  return heading(name.replaceAll('_', ' '))
}

/** A default as a person reads it. */
export function describeDefault(spec: OptionSpec): string | null {
  const value = spec.default
  if (value === '') return null
  if (typeof value === 'string') return value
  // So large a number only says that there is no bound, and cannot even be written exactly here.
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) return t('no limit')
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}
