import type { OptionSpec } from '@/api/gen'
import { freeName, NAME_PATTERN } from '@/features/editor/graph/settings'
import type { Document, SpecIndex } from '@/features/editor/graph/types'
import type { Path } from '@/features/forms/values'
import { isRecord, variantOf } from '@/features/forms/values'

type Plain = string | number | boolean

/** A value in a component's options that whoever uses the template could choose. */
export type Candidate = { key: string; component: string; path: Path; title: string; value: Plain }

const MOST_TEXT = 300
/** What is written like this is a reference already, or no single value. */
const NO_VALUE = /SECRET\[|VAR\[|CERT\[|KEY\[|FILE\[|\$\{|\n/
const HIDDEN = /passw|token|secret|api_?key|credential|private_?key/i

function inner(spec: OptionSpec | undefined, step: string | number, value: unknown): OptionSpec | undefined {
  if (spec === undefined) return undefined
  if (spec.any_of != null) return inner(spec.any_of[variantOf(spec, value)], step, value)
  if (typeof step === 'number') return spec.items ?? undefined
  return spec.options?.[step] ?? spec.values ?? undefined
}

function* values(spec: OptionSpec | undefined, value: unknown, path: Path): Generator<{ path: Path; value: Plain }> {
  const last = path.findLast((step) => typeof step === 'string') ?? ''
  // Programs hold values of their own kind, and credentials never become a parameter's default.
  if (spec?.sensitive === true || spec?.carries_secret === true || spec?.type === 'vrl' || spec?.type === 'condition' || HIDDEN.test(last)) return
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) yield* values(inner(spec, index, value), each, [...path, index])
  } else if (isRecord(value)) {
    for (const [name, each] of Object.entries(value)) yield* values(inner(spec, name, value), each, [...path, name])
  } else if (typeof value === 'number' || typeof value === 'boolean') {
    yield { path, value }
  } else if (typeof value === 'string' && spec?.enum == null && value.length <= MOST_TEXT && !NO_VALUE.test(value)) {
    yield { path, value }
  }
}

/** The values of a document that can become parameters; where the catalogue does not know a type, none. */
export function candidates(document: Document, specs: SpecIndex): Candidate[] {
  return document.components.flatMap((component) => {
    const options = specs.get(component)?.options
    if (options === undefined) return []
    return Object.entries(component.options).flatMap(([name, value]) =>
      options[name] === undefined ? [] : [...values(options[name], value, [name])].map((each) => ({ ...each, key: JSON.stringify([component.id, ...each.path]), component: component.id, title: each.path.join('.') })),
    )
  })
}

/** A name for a parameter from where its value stands, free among others. */
export function nameFor({ component, path }: Candidate, taken: Record<string, unknown>): string {
  const last = path.filter((step) => typeof step === 'string').at(-1) ?? 'value'
  const wish = `${component}_${last}`.replaceAll(/[^A-Za-z0-9_-]/g, '_')
  return freeName(taken, NAME_PATTERN.test(wish) ? wish : `p_${wish}`)
}

function replaced(value: unknown, path: Path, by: string): unknown {
  const [step, ...rest] = path
  if (step === undefined) return by
  if (Array.isArray(value)) return value.map((each: unknown, index) => (index === step ? replaced(each, rest, by) : each))
  if (isRecord(value)) return { ...value, [step]: replaced(value[String(step)], rest, by) }
  return value
}

/** The document with a variable in the place of each chosen value; the values are what the variables begin with. */
export function parametrised(document: Document, chosen: readonly { candidate: Candidate; name: string }[]): Document {
  return chosen.reduce((made, { candidate, name }) => {
    const { component: id, path, value } = candidate
    const type = typeof value === 'string' ? ('string' as const) : typeof value === 'number' ? ('number' as const) : ('boolean' as const)
    return {
      ...made,
      components: made.components.map((each) => (each.id === id ? { ...each, options: replaced(each.options, path, `VAR[${name}]`) as Record<string, unknown> } : each)),
      variables: { ...made.variables, [name]: { type, value } },
    }
  }, document)
}
