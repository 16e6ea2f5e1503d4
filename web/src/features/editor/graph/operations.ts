import type { OptionSpec } from '@/api/gen'
import type { Options } from '@/features/forms/values'
import { holds } from '@/features/forms/values'
import type { Component, ComponentSpec, Document, Edge } from './types'
import { DEFAULT_PORT, edgeKey } from './types'
import { renamedMember, ungroup } from './groups'

const ID_PATTERN = /^[A-Za-z_][A-Za-z0-9_-]{0,127}$/

export type Point = { x: number; y: number }

/** Why an id may not be used, as a word the form can translate; null when it may. */
export function idRefusal(document: Document, id: string, own?: string): 'form' | 'reserved' | 'taken' | null {
  if (!ID_PATTERN.test(id)) return 'form'
  if (id.startsWith('vf_') || id === DEFAULT_PORT) return 'reserved'
  if (id !== own && document.components.some((each) => each.id === id)) return 'taken'
  return null
}

/** An id that is free, made from a wish. */
export function freeId(document: Document, wish: string): string {
  if (idRefusal(document, wish) === null) return wish
  for (let number = 2; ; number += 1) {
    const id = `${wish}_${number}`
    if (idRefusal(document, id) === null) return id
  }
}

/** What a required option begins as: its default, or JSON, which every engine and most receivers read; undefined asks a person. */
function initialValue(spec: OptionSpec): unknown {
  if (spec.default != null) return spec.default
  if (spec.enum?.includes('json') === true) return 'json'
  return undefined
}

/** The options that a new component, and within it each required group, begins with; deeper ones are seldom a matter of course. */
function initialOptions(specs: Record<string, OptionSpec>, isNested = false): Options {
  const options: Options = {}
  const group = (spec: OptionSpec) => {
    const nested = spec.type === 'object' && !isNested ? initialOptions(spec.options ?? {}, true) : {}
    return Object.keys(nested).length > 0 ? nested : undefined
  }
  for (const [name, option] of Object.entries(specs)) {
    const isAsked = option.required === true && holds(option.relevant_when, options, specs)
    const value = isAsked ? (initialValue(option) ?? group(option)) : undefined
    if (value !== undefined) options[name] = value
  }
  return options
}

/** Adds a component of a type with what its required options begin as; returns the document and the id it got. */
export function addComponent(document: Document, spec: ComponentSpec, at: Point): [Document, string] {
  const id = freeId(document, spec.type)
  const component: Component = {
    id,
    kind: spec.kind,
    type: spec.type,
    options: initialOptions(spec.options),
    enabled: true,
    comment: '',
  }
  const layout = { ...document.layout, [id]: { x: Math.round(at.x), y: Math.round(at.y) } }
  return [{ ...document, components: [...document.components, component], layout }, id]
}

/** Removes components with everything attached to them. */
export function removeComponents(document: Document, ids: ReadonlySet<string>): Document {
  const layout = Object.fromEntries(Object.entries(document.layout ?? {}).filter(([id]) => !ids.has(id)))
  return {
    ...ungroup(document, ids),
    components: document.components.filter((each) => !ids.has(each.id)),
    edges: document.edges.filter((each) => !ids.has(each.source) && !ids.has(each.target)),
    layout,
  }
}

/** Adds an edge, at the end, so that the order of the others stays. */
export function connect(document: Document, edge: Edge): Document {
  return { ...document, edges: [...document.edges, edge] }
}

/** Removes edges by their keys. */
export function disconnect(document: Document, keys: ReadonlySet<string>): Document {
  return { ...document, edges: document.edges.filter((each) => !keys.has(edgeKey(each))) }
}

function updateComponent(document: Document, id: string, change: (component: Component) => Component): Document {
  return { ...document, components: document.components.map((each) => (each.id === id ? change(each) : each)) }
}

/** Sets a component's options as a whole. Edges from ports that no longer exist stay, and are reported by the check. */
export function setOptions(document: Document, id: string, options: Record<string, unknown>): Document {
  return updateComponent(document, id, (component) => ({ ...component, options }))
}

/** Switches a component on or off. */
export function setEnabled(document: Document, id: string, enabled: boolean): Document {
  return updateComponent(document, id, (component) => ({ ...component, enabled }))
}

/** Sets the note that a person left on a component. */
export function setComment(document: Document, id: string, comment: string): Document {
  return updateComponent(document, id, (component) => ({ ...component, comment }))
}

function renameReference(value: unknown, from: string, to: string): unknown {
  if (Array.isArray(value)) return value.map((each) => renameReference(each, from, to))
  if (typeof value !== 'string') return value
  if (value === from) return to
  return value.startsWith(`${from}.`) ? to + value.slice(from.length) : value
}

const TEST_REFERENCES = new Set(['insert_at', 'extract_from', 'no_outputs_from'])

function renameInTests(value: unknown, from: string, to: string): unknown {
  if (Array.isArray(value)) return value.map((each) => renameInTests(each, from, to))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, each]): [string, unknown] => [
    key,
    TEST_REFERENCES.has(key) ? renameReference(each, from, to) : renameInTests(each, from, to),
  ])
  return Object.fromEntries(entries)
}

/** Gives a component another id and rewrites its edges, its place and the tests that name it. */
export function renameComponent(document: Document, from: string, to: string): Document {
  const name = (id: string) => (id === from ? to : id)
  const layout = Object.fromEntries(Object.entries(document.layout ?? {}).map(([id, at]) => [name(id), at]))
  return {
    ...updateComponent(document, from, (component) => ({ ...component, id: to })),
    edges: document.edges.map((each) => ({ ...each, source: name(each.source), target: name(each.target) })),
    layout,
    groups: renamedMember(document.groups, from, to),
    tests: (document.tests ?? []).map((each) => renameInTests(each, from, to)),
  }
}

/** Gives an output another name on every edge that leaves by it. */
export function renamePort(document: Document, id: string, from: string, to: string): Document {
  const edges = document.edges.map((each) => (each.source === id && each.port === from ? { ...each, port: to } : each))
  return { ...document, edges }
}

/** Moves components to new places; the document itself where each is there already. */
export function moveComponents(document: Document, places: Record<string, Point>): Document {
  const stays = Object.entries(places).every(([id, at]) => document.layout[id]?.x === at.x && document.layout[id].y === at.y)
  if (stays) return document
  return { ...document, layout: { ...document.layout, ...places } }
}
