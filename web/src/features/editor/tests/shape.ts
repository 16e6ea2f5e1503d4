import type { Failure, UnitTestResult } from '@/api/gen'
import { portsOf } from '../graph/ports'
import type { Document, SpecIndex } from '../graph/types'
import { DEFAULT_PORT } from '../graph/types'

export type TestInput = { insert_at: string; type?: string; value?: string; source?: string; log_fields?: Record<string, unknown> } & Record<string, unknown>
export type Condition = string | ({ type?: string; source?: string } & Record<string, unknown>)
export type TestOutput = { extract_from: string | string[]; conditions?: Condition[] } & Record<string, unknown>
export type UnitTest = { name: string; inputs?: TestInput[]; outputs?: TestOutput[]; no_outputs_from?: string[] } & Record<string, unknown>

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A test that this form can show; what it cannot is edited as YAML. */
export function asTest(value: unknown): UnitTest | null {
  if (!isObject(value) || typeof value.name !== 'string' || value.input !== undefined) return null
  const { inputs = [], outputs = [], no_outputs_from: none = [] } = value
  const fits =
    Array.isArray(inputs) &&
    inputs.every((each) => isObject(each) && typeof each.insert_at === 'string' && ['raw', 'log', 'vrl', undefined].includes(each.type as string | undefined)) &&
    Array.isArray(outputs) &&
    outputs.every((each) => isObject(each) && typeof each.extract_from === 'string' && (each.conditions === undefined || Array.isArray(each.conditions))) &&
    Array.isArray(none) &&
    none.every((each) => typeof each === 'string')
  return fits ? (value as UnitTest) : null
}

export function conditionText(condition: Condition): string {
  return typeof condition === 'string' ? condition : (condition.source ?? '')
}

/** Where events can be put in: the transforms. */
export function entries(document: Document): string[] {
  return document.components.filter(({ kind }) => kind === 'transform').map(({ id }) => id)
}

/** Where events can be taken out: the outputs of transforms, as Vector names them. */
export function exits(document: Document, specs: SpecIndex): string[] {
  return document.components
    .filter(({ kind }) => kind === 'transform')
    .flatMap((each) => portsOf(each, specs.get(each)).map(({ name }) => (name === DEFAULT_PORT ? each.id : `${each.id}.${name}`)))
}

/** A test to begin with, of one transform. */
export function newTest(document: Document, at: string): UnitTest {
  const taken = new Set(document.tests.map((each) => (isObject(each) ? each.name : undefined)))
  let name = `${at} does what it should`
  for (let number = 2; taken.has(name); number += 1) name = `${at} does what it should ${number}`
  return {
    name,
    inputs: [{ insert_at: at, type: 'log', log_fields: { message: 'an event' } }],
    outputs: [{ extract_from: at, conditions: [{ type: 'vrl', source: 'exists(.message)' }] }],
  }
}

/** Whether somebody's text is a JSON object, and which. */
export function fieldsOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

export function replaced<Item>(list: readonly Item[], at: number, item: Item): Item[] {
  return list.map((each, index) => (index === at ? item : each))
}

export function without<Item>(list: readonly Item[], at: number): Item[] {
  return list.filter((_, index) => index !== at)
}

/** What failed of one output, or of one of its conditions. */
export function failuresAt(result: UnitTestResult | undefined, output: number, condition: number | null): Failure[] {
  return (result?.failures ?? []).filter((each) => each.output === output && (each.condition ?? null) === condition)
}

/** What failed of the test as a whole. */
export function failuresOfAll(result: UnitTestResult | undefined): Failure[] {
  return (result?.failures ?? []).filter((each) => each.output == null)
}
