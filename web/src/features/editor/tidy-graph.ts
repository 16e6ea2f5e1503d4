import type { ElkNode } from 'elkjs/lib/elk-api'
import { bundled, FOLDED_HEIGHT, frameId, HEADER, PADDING } from './canvas/frames'
import { CARD_WIDTH, cardHeight } from './canvas/nodes'
import { groupOf, membersOf } from './graph/groups'
import type { Point } from './graph/operations'
import { portsOf } from './graph/ports'
import type { Component, Document, SpecIndex } from './graph/types'

const SPACING = { 'elk.layered.spacing.nodeNodeBetweenLayers': '90', 'elk.spacing.nodeNode': '40' }
// ELK 0.12 cannot follow the order of the document inside of groups and through them.
const IN_ORDER = { 'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES' }
/** What a frame adds around its components. */
const FRAME = { 'elk.padding': `[top=${PADDING + HEADER},left=${PADDING},bottom=${PADDING},right=${PADDING}]` }

type Port = { name: string; side: 'WEST' | 'EAST'; index: number }

function box(id: string, height: number, ports: readonly Port[]): ElkNode {
  return {
    id,
    width: CARD_WIDTH,
    height,
    layoutOptions: { 'elk.portConstraints': 'FIXED_ORDER' },
    ports: ports.map(({ name, side, index }) => ({ id: `${id}>${name}`, layoutOptions: { 'elk.port.side': side, 'elk.port.index': String(index) } })),
  }
}

function card(component: Component, specs: SpecIndex): ElkNode {
  const outputs = portsOf(component, specs.get(component))
  return box(component.id, cardHeight(outputs), [
    { name: 'in', side: 'WEST', index: 0 },
    // ELK counts ports clockwise from the north, so outputs on the east go down.
    ...outputs.map(({ name }, index): Port => ({ name, side: 'EAST', index })),
  ])
}

function group(document: Document, specs: SpecIndex, name: string): ElkNode {
  const id = frameId(name)
  if (document.groups[name]?.collapsed === true) {
    return box(id, FOLDED_HEIGHT, [
      { name: 'in', side: 'WEST', index: 0 },
      { name: 'out', side: 'EAST', index: 0 },
    ])
  }
  return { id, layoutOptions: { ...SPACING, ...FRAME }, children: membersOf(document, name).map((each) => card(each, specs)) }
}

/** Which folded group each component is shown in. */
function folded(document: Document): Map<string, string> {
  return new Map(
    document.components.flatMap(({ id }) => {
      const name = groupOf(document, id)
      return name !== null && document.groups[name]?.collapsed === true ? [[id, name] as const] : []
    }),
  )
}

/** The graph as ELK lays it out: an open group holds its components, a folded one is one box. It knows no places, so that it is always laid out the same. */
export function tidyGraph(document: Document, specs: SpecIndex): ElkNode {
  const children = new Map<string, ElkNode>()
  for (const each of document.components) {
    const name = groupOf(document, each.id)
    if (name === null) children.set(each.id, card(each, specs))
    else if (!children.has(frameId(name))) children.set(frameId(name), group(document, specs, name))
  }
  // An edge from an output that no longer exists has nowhere to start.
  const known = new Map(document.components.map((each) => [each.id, portsOf(each, specs.get(each)).map((port) => port.name)]))
  const whole = document.edges.filter((edge) => known.get(edge.source)?.includes(edge.port) === true && known.has(edge.target))
  const { plain, bundles } = bundled(whole, folded(document))
  const ends = [...plain.map(({ source, port, target }) => ({ source, port, target })), ...bundles.map(({ source, sourceHandle, target }) => ({ source, port: sourceHandle, target }))]
  const isNested = [...children.values()].some((each) => each.children !== undefined)
  return {
    id: 'root',
    layoutOptions: { 'elk.algorithm': 'layered', 'elk.direction': 'RIGHT', ...SPACING, ...(isNested ? { 'elk.hierarchyHandling': 'INCLUDE_CHILDREN' } : IN_ORDER) },
    children: [...children.values()],
    edges: ends.map(({ source, port, target }, index) => ({ id: String(index), sources: [`${source}>${port}`], targets: [`${target}>in`] })),
  }
}

/** The places that ELK found; what a folded group hides moves with it. */
export function tidyPlaces(laid: ElkNode, document: Document): Record<string, Point> {
  const boxes = new Map<string, Point>()
  const walk = (node: ElkNode, from: Point) => {
    for (const { x = 0, y = 0, ...each } of node.children ?? []) {
      const at = { x: from.x + x, y: from.y + y }
      boxes.set(each.id, { x: Math.round(at.x), y: Math.round(at.y) })
      walk(each, at)
    }
  }
  walk(laid, { x: 0, y: 0 })
  const places: Record<string, Point> = {}
  for (const { id } of document.components) {
    const own = boxes.get(id)
    if (own !== undefined) places[id] = own
  }
  for (const name of new Set(folded(document).values())) {
    const members = membersOf(document, name).map(({ id }) => [id, document.layout[id] ?? { x: 0, y: 0 }] as const)
    const to = boxes.get(frameId(name)) ?? { x: 0, y: 0 }
    const from = { x: Math.min(...members.map(([, at]) => at.x)), y: Math.min(...members.map(([, at]) => at.y)) }
    for (const [id, at] of members) places[id] = { x: at.x - from.x + to.x, y: at.y - from.y + to.y }
  }
  return places
}
