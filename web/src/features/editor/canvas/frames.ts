import type { Node as FlowNode, NodeChange } from '@xyflow/react'
import { Position } from '@xyflow/react'
import type { Point } from '../graph/operations'
import type { Document, Edge } from '../graph/types'
import type { CardNode } from './nodes'
import { CARD_WIDTH, cardHeight } from './nodes'

export type FrameNode = FlowNode<{ name: string; ids: string[]; isCollapsed: boolean; isSelected: boolean }, 'frame'>
export type CanvasNode = CardNode | FrameNode

const PREFIX = 'group:'
export const FOLDED_HEIGHT = 50
export const PADDING = 16
export const HEADER = 30

/** The id of a group's node; no component has one with a colon. */
export function frameId(name: string): string {
  return `${PREFIX}${name}`
}

/** The name of the group that a node stands for, or null for a component's. */
export function frameName(id: string): string | null {
  return id.startsWith(PREFIX) ? id.slice(PREFIX.length) : null
}

/** Which group each component of a folded group is in. */
export function foldedInto(groups: Document['groups']): Map<string, string> {
  const folded = new Map<string, string>()
  for (const [name, group] of Object.entries(groups)) {
    if (group.collapsed !== true) continue
    for (const id of group.members ?? []) if (!folded.has(id)) folded.set(id, name)
  }
  return folded
}

/** Where the node of a group stands for the places of its members. */
function origin(places: readonly Point[], isCollapsed: boolean): Point {
  const at = { x: Math.min(...places.map((each) => each.x)), y: Math.min(...places.map((each) => each.y)) }
  return isCollapsed ? at : { x: at.x - PADDING, y: at.y - PADDING - HEADER }
}

function frame(name: string, members: readonly CardNode[], isCollapsed: boolean, selected: string | undefined): FrameNode {
  const position = origin(members.map((each) => each.position), isCollapsed)
  const right = Math.max(...members.map((each) => each.position.x + (each.measured?.width ?? CARD_WIDTH)))
  const bottom = Math.max(...members.map((each) => each.position.y + (each.measured?.height ?? cardHeight(each.data.ports))))
  const size = isCollapsed ? { width: CARD_WIDTH, height: FOLDED_HEIGHT } : { width: right - position.x + PADDING, height: bottom - position.y + PADDING }
  const ids = members.map((each) => each.id)
  return {
    id: frameId(name),
    type: 'frame',
    position,
    data: { name, ids, isCollapsed, isSelected: selected !== undefined && ids.includes(selected) },
    ...size,
    measured: size,
    // Known beforehand, so that edges do not wait for the card to be measured.
    handles: isCollapsed
      ? [
          { id: 'in', type: 'target', position: Position.Left, x: -5, y: size.height / 2 - 5, width: 10, height: 10 },
          { id: 'out', type: 'source', position: Position.Right, x: size.width - 5, y: size.height / 2 - 5, width: 10, height: 10 },
        ]
      : [],
    dragHandle: '.group-handle',
    selectable: false,
    focusable: false,
    // What lies within an open frame takes the pointer as if there were none.
    zIndex: isCollapsed ? 0 : -1,
    style: isCollapsed ? {} : { pointerEvents: 'none' },
  }
}

/** The cards with a frame around those of an open group, and one card in the place of a folded one's. */
export function withFrames(cards: CardNode[], groups: Document['groups'], selected: string | undefined): CanvasNode[] {
  const names = Object.keys(groups)
  if (names.length === 0) return cards
  const left = new Map(cards.map((each) => [each.id, each]))
  const frames: FrameNode[] = []
  const hidden = new Set<string>()
  for (const [name, group] of Object.entries(groups)) {
    const members = (group.members ?? []).flatMap((id) => left.get(id) ?? [])
    if (members.length === 0) continue
    frames.push(frame(name, members, group.collapsed === true, selected))
    for (const { id } of members) {
      left.delete(id)
      if (group.collapsed === true) hidden.add(id)
    }
  }
  return [...frames, ...(hidden.size === 0 ? cards : cards.filter((each) => !hidden.has(each.id)))]
}

/** What the move of a group's node means for its members; other changes stay as they are. */
export function memberChanges(changes: readonly NodeChange<CanvasNode>[], cards: CardNode[], groups: Document['groups']): NodeChange<CardNode>[] {
  return changes.flatMap((change): NodeChange<CardNode>[] => {
    const name = 'id' in change ? frameName(change.id) : null
    if (name === null) return [change as NodeChange<CardNode>]
    if (change.type !== 'position' || change.position === undefined) return []
    const to = change.position
    const own = withFrames(cards, groups, undefined).find((each): each is FrameNode => each.type === 'frame' && each.id === change.id)
    if (own === undefined) return []
    return cards
      .filter((each) => own.data.ids.includes(each.id))
      .map(({ id, position }) => ({ id, type: 'position', position: { x: position.x + to.x - own.position.x, y: position.y + to.y - own.position.y } }))
  })
}

/** The places of components after nodes were dragged, a group's with all its members. */
export function draggedPlaces(dragged: readonly CanvasNode[], layout: Document['layout']): Record<string, Point> {
  const places: Record<string, Point> = {}
  for (const node of dragged) {
    if (node.type !== 'frame') {
      places[node.id] = { x: Math.round(node.position.x), y: Math.round(node.position.y) }
      continue
    }
    const members = node.data.ids.map((id) => [id, layout[id] ?? { x: 0, y: 0 }] as const)
    const from = origin(members.map(([, at]) => at), node.data.isCollapsed)
    for (const [id, at] of members) places[id] = { x: Math.round(at.x + node.position.x - from.x), y: Math.round(at.y + node.position.y - from.y) }
  }
  return places
}

export type Bundle = { id: string; source: string; sourceHandle: string; target: string; edges: Edge[] }

/** Edges by where they are seen: those of open components, and bundles of those that begin or end in a folded group. */
export function bundled(edges: readonly Edge[], folded: ReadonlyMap<string, string>): { plain: Edge[]; bundles: Bundle[] } {
  if (folded.size === 0) return { plain: [...edges], bundles: [] }
  const plain: Edge[] = []
  const bundles = new Map<string, Bundle>()
  for (const edge of edges) {
    const from = folded.get(edge.source)
    const to = folded.get(edge.target)
    if (from === undefined && to === undefined) plain.push(edge)
    if (from === to) continue
    const source = from === undefined ? edge.source : frameId(from)
    const sourceHandle = from === undefined ? edge.port : 'out'
    const target = to === undefined ? edge.target : frameId(to)
    const id = `bundle:${source}.${sourceHandle}>${target}`
    const bundle = bundles.get(id) ?? { id, source, sourceHandle, target, edges: [] }
    bundle.edges.push(edge)
    bundles.set(id, bundle)
  }
  return { plain, bundles: [...bundles.values()] }
}
