import { addGroups } from './groups'
import type { Point } from './operations'
import { freeId } from './operations'
import { portsOf } from './ports'
import type { Document, Edge, SpecIndex } from './types'

export type Pasted = {
  document: Document
  ids: string[]
  /** Inputs that lead nowhere here and were left out. */
  dropped: Edge[]
}

/** Joins documents of an import into one, as they stood in the text. */
export function joined(documents: readonly Document[]): Document | null {
  const [first, ...rest] = documents
  if (first === undefined) return null
  let below = Math.max(0, ...Object.values(first.layout).map((each) => each.y)) + 160
  return rest.reduce((whole, each) => {
    const places = Object.entries(each.layout).map(([id, at]) => [id, { x: at.x, y: at.y + below }] as const)
    below += Math.max(0, ...Object.values(each.layout).map((at) => at.y)) + 160
    return {
      ...whole,
      components: [...whole.components, ...each.components],
      edges: [...whole.edges, ...each.edges],
      layout: { ...whole.layout, ...Object.fromEntries(places) },
      comments: { ...whole.comments, ...each.comments },
      tests: [...whole.tests, ...each.tests],
    }
  }, first)
}

const CARD = { width: 230, height: 90 }
const FRAMED = { width: 270, height: 150 }

/** The place nearest below another where a part, or a frame around it, hides no card. */
export function freePlace(document: Document, offsets: readonly Point[], at: Point, isFramed: boolean): Point {
  const room = isFramed ? FRAMED : CARD
  const taken = Object.values(document.layout)
  const hides = (place: Point) =>
    offsets.some((offset) => taken.some((other) => Math.abs(other.x - place.x - offset.x) < room.width && Math.abs(other.y - place.y - offset.y) < room.height))
  let { y } = at
  while (hides({ x: at.x, y })) y += 40
  return { x: at.x, y }
}

/** Puts the components of another document into this one, with free ids and its groups, at a place or the next free one below it. */
export function paste(document: Document, specs: SpecIndex, part: Document, at: Point): Pasted {
  const names = new Map<string, string>()
  const origin = { x: Math.min(...part.components.map(({ id }) => part.layout[id]?.x ?? 0)), y: Math.min(...part.components.map(({ id }) => part.layout[id]?.y ?? 0)) }
  const offsets = part.components.map(({ id }) => ({ x: (part.layout[id]?.x ?? origin.x) - origin.x, y: (part.layout[id]?.y ?? origin.y) - origin.y }))
  const free = freePlace(document, offsets, at, Object.keys(part.groups).length > 0)
  let result = document
  for (const component of part.components) {
    const id = freeId(result, component.id)
    names.set(component.id, id)
    const place = part.layout[component.id] ?? origin
    const layout = { ...result.layout, [id]: { x: Math.round(free.x + place.x - origin.x), y: Math.round(free.y + place.y - origin.y) } }
    result = { ...result, components: [...result.components, { ...component, id }], layout }
  }
  const dropped: Edge[] = []
  const edges = part.edges.flatMap((edge) => {
    const target = names.get(edge.target)
    const inner = names.get(edge.source)
    const outer = inner === undefined ? document.components.find((each) => each.id === edge.source) : undefined
    const fits = outer !== undefined && portsOf(outer, specs.get(outer)).some((port) => port.name === edge.port)
    if (target !== undefined && (inner !== undefined || fits)) return [{ source: inner ?? edge.source, port: edge.port, target }]
    dropped.push(edge)
    return []
  })
  return { document: addGroups({ ...result, edges: [...result.edges, ...edges] }, part.groups, names), ids: [...names.values()], dropped }
}
