import type { Point } from './operations'
import { addComponent, connect } from './operations'
import { portsOf } from './ports'
import type { Component, ComponentSpec, Document, Edge, SpecIndex } from './types'
import { DEFAULT_PORT, edgeKey } from './types'

const COLUMN = 280
const ROW = 120

function meets(a: string[], b: string[]): boolean {
  return a.length === 0 || b.length === 0 || a.some((type) => b.includes(type))
}

/** The output that a new transform goes on with: the default one, else its first. */
function outgoingPort(component: Component, spec: ComponentSpec | undefined): string | undefined {
  const ports = portsOf(component, spec).map((port) => port.name)
  return ports.includes(DEFAULT_PORT) ? DEFAULT_PORT : ports[0]
}

/** Whether a component of this type may stand on that edge. */
export function fitsOnEdge(document: Document, specs: SpecIndex, spec: ComponentSpec, edge: Edge): boolean {
  if (spec.kind !== 'transform') return false
  const source = document.components.find((each) => each.id === edge.source)
  const target = document.components.find((each) => each.id === edge.target)
  if (source === undefined || target === undefined) return false
  const before = portsOf(source, specs.get(source)).find((port) => port.name === edge.port)?.types ?? []
  return meets(before, spec.input_types) && meets(spec.output_types, specs.get(target)?.input_types ?? [])
}

/** Puts an existing transform between the two ends of an edge; the target keeps its order of inputs. */
export function insertOnEdge(document: Document, specs: SpecIndex, key: string, id: string): Document {
  const component = document.components.find((each) => each.id === id)
  const edge = document.edges.find((each) => edgeKey(each) === key)
  if (component?.kind !== 'transform' || edge === undefined) return document
  const port = outgoingPort(component, specs.get(component))
  const edges = document.edges.flatMap((each) => {
    if (each !== edge) return [each]
    const incoming = { source: edge.source, port: edge.port, target: id }
    return port === undefined ? [incoming] : [incoming, { source: id, port, target: edge.target }]
  })
  return { ...document, edges }
}

/** Pushes what lies further right one column on, when the next column is not free. */
function makeRoom(document: Document, from: string): Document {
  const layout = document.layout ?? {}
  const origin = layout[from]
  if (origin === undefined) return document
  const blocked = Object.values(layout).some((at) => at.x > origin.x && at.x < origin.x + COLUMN * 1.8)
  if (!blocked) return document
  const moved = Object.entries(layout).map(([id, at]) => [id, at.x > origin.x ? { ...at, x: at.x + COLUMN } : at])
  return { ...document, layout: Object.fromEntries(moved) as Document['layout'] & object }
}

/** Adds a component of a type between the two ends of an edge; returns the document and the new id. */
export function addOnEdge(document: Document, specs: SpecIndex, key: string, spec: ComponentSpec): [Document, string] {
  const edge = document.edges.find((each) => edgeKey(each) === key)
  if (edge === undefined) return addComponent(document, spec, { x: 0, y: 0 })
  const roomy = makeRoom(document, edge.source)
  const from = roomy.layout?.[edge.source] ?? { x: 0, y: 0 }
  const to = roomy.layout?.[edge.target] ?? from
  const [added, id] = addComponent(roomy, spec, { x: from.x + COLUMN, y: (from.y + to.y) / 2 })
  return [insertOnEdge(added, specs, key, id), id]
}

/** A place in a column that no card stands on. */
function freeRow(document: Document, at: Point): Point {
  const near = Object.values(document.layout).filter((other) => Math.abs(other.x - at.x) < COLUMN / 2)
  let { y } = at
  while (near.some((other) => Math.abs(other.y - y) < ROW * 0.8)) y += ROW
  return { x: at.x, y }
}

/** Adds a component fed by an output of another one, at a place if one is given; returns the document and the new id. */
export function addAfter(document: Document, from: { source: string; port: string }, spec: ComponentSpec, at?: Point): [Document, string] {
  const origin = document.layout[from.source] ?? { x: 0, y: 0 }
  const [added, id] = addComponent(document, spec, at ?? freeRow(document, { x: origin.x + COLUMN, y: origin.y }))
  return [spec.kind === 'source' ? added : connect(added, { source: from.source, port: from.port, target: id }), id]
}

/** Adds a component that feeds another one; returns the document and the new id. */
export function addBefore(document: Document, specs: SpecIndex, target: string, spec: ComponentSpec, at?: Point): [Document, string] {
  const origin = document.layout[target] ?? { x: 0, y: 0 }
  const [added, id] = addComponent(document, spec, at ?? freeRow(document, { x: origin.x - COLUMN, y: origin.y }))
  const component = added.components.find((each) => each.id === id)
  const port = component === undefined ? undefined : outgoingPort(component, specs.get(component))
  return [port === undefined ? added : connect(added, { source: id, port, target }), id]
}

/** Whether a component of this type may stand behind an output. */
export function fitsAfter(document: Document, specs: SpecIndex, spec: ComponentSpec, from: { source: string; port: string }): boolean {
  const source = document.components.find((each) => each.id === from.source)
  if (spec.kind === 'source' || source === undefined) return false
  const types = portsOf(source, specs.get(source)).find((port) => port.name === from.port)?.types ?? []
  return meets(types, spec.input_types)
}

/** Whether a component of this type may feed another one. */
export function fitsBefore(document: Document, specs: SpecIndex, spec: ComponentSpec, target: string): boolean {
  const component = document.components.find((each) => each.id === target)
  if (spec.kind === 'sink' || component === undefined) return false
  return meets(spec.output_types, specs.get(component)?.input_types ?? [])
}

/** Adds a component on its own where there is room: below the lowest of its column. */
export function addFree(document: Document, spec: ComponentSpec): [Document, string] {
  const column = { source: 0, transform: COLUMN, sink: COLUMN * 2 }[spec.kind]
  const rows = Object.values(document.layout ?? {}).filter((at) => Math.abs(at.x - column) < COLUMN)
  const y = rows.length === 0 ? 0 : Math.max(...rows.map((at) => at.y)) + ROW
  return addComponent(document, spec, { x: column, y })
}
