import type { Edge as FlowEdge, Node as FlowNode } from '@xyflow/react'
import { Position } from '@xyflow/react'
import { useMemo, useState } from 'react'
import type { Point } from '../graph/operations'
import type { Port } from '../graph/ports'
import { portsOf } from '../graph/ports'
import type { Component, Document, SpecIndex } from '../graph/types'
import { edgeKey } from '../graph/types'

export type CardNode = FlowNode<{ component: Component; ports: Port[] }, 'component'>
export type FlowLink = FlowEdge<{ isBroken: boolean }, 'flow'>

export const CARD_WIDTH = 208
const BORDER = 1
const FIRST_ROW = 48
const PORT_ROW = 24
const FIRST_PORT = BORDER + FIRST_ROW + 5
const HANDLE = 10
/** The middle of a card's input, from its corner. */
export const INPUT_PLACE: Point = { x: BORDER - HANDLE / 2, y: BORDER + FIRST_ROW / 2 }
const OUTPUT_X = CARD_WIDTH - BORDER + HANDLE / 2

/** The height of a card, known beforehand so that nothing jumps when it is measured. */
export function cardHeight(ports: Port[]): number {
  const named = ports.filter((port) => port.name !== '_default').length
  return FIRST_ROW + (named > 0 ? named * PORT_ROW + 9 : 0) + 2
}

/** Where the edges of each output begin, from the card's corner. */
export function portPlaces(ports: readonly Port[]): Map<string, Point> {
  const places = new Map<string, Point>()
  let row = 0
  for (const { name } of ports) {
    if (name === '_default') places.set(name, { x: OUTPUT_X, y: INPUT_PLACE.y })
    else places.set(name, { x: OUTPUT_X, y: FIRST_PORT + PORT_ROW * (row++ + 0.5) })
  }
  return places
}

/** The handles of a card, known beforehand: what is out of view need not be drawn to be measured. */
function handlesOf(component: Component, ports: Port[]): NonNullable<CardNode['handles']> {
  const size = { width: HANDLE, height: HANDLE }
  const outputs = [...portPlaces(ports)].map(([id, { x, y }]) => ({ id, type: 'source' as const, position: Position.Right, x: x - HANDLE, y: y - HANDLE / 2, ...size }))
  if (component.kind === 'source') return outputs
  return [{ id: 'in', type: 'target', position: Position.Left, x: INPUT_PLACE.x, y: INPUT_PLACE.y - HANDLE / 2, ...size }, ...outputs]
}

function toNode(document: Document, specs: SpecIndex, component: Component, before: CardNode | undefined): CardNode {
  const position = document.layout?.[component.id] ?? { x: 0, y: 0 }
  const moved = before?.position.x !== position.x || before.position.y !== position.y
  if (before !== undefined && before.data.component === component && !moved) return before
  const same = before?.data.component === component
  const data = same ? before.data : { component, ports: portsOf(component, specs.get(component)) }
  return {
    ...before,
    id: component.id,
    type: 'component',
    position,
    data,
    ...(same ? {} : { measured: { width: CARD_WIDTH, height: cardHeight(data.ports) }, handles: handlesOf(component, data.ports) }),
    className: 'group/card',
    ariaLabel: `${component.kind} ${component.id}, ${component.type}`,
  }
}

/** The nodes that React Flow works on: the document's, plus what only the canvas knows (selection, a drag on its way). */
export function useNodes(document: Document, specs: SpecIndex, selected: string | undefined) {
  const [nodes, setNodes] = useState<CardNode[]>([])
  const [source, setSource] = useState<{ document: Document | null; selected: string | undefined }>({ document: null, selected })
  if (source.document !== document || source.selected !== selected) {
    setSource({ document, selected })
    const before = new Map(nodes.map((node) => [node.id, node]))
    const isNewSelection = source.selected !== selected || source.document === null
    const next = document.components.map((component) => {
      const node = toNode(document, specs, component, before.get(component.id))
      if (!isNewSelection || (node.selected ?? false) === (component.id === selected)) return node
      return { ...node, selected: component.id === selected }
    })
    setNodes(next)
  }
  return [nodes, setNodes] as const
}

/** The edges that React Flow draws. */
export function useLinks(document: Document, specs: SpecIndex, selectedKeys: ReadonlySet<string>): FlowLink[] {
  return useMemo(() => {
    const ports = new Map(
      document.components.map((each) => [each.id, new Set(portsOf(each, specs.get(each)).map((port) => port.name))]),
    )
    return document.edges
      .filter((edge) => ports.has(edge.source) && ports.has(edge.target))
      .map((edge) => {
        const key = edgeKey(edge)
        return {
          id: key,
          type: 'flow' as const,
          source: edge.source,
          sourceHandle: edge.port,
          target: edge.target,
          targetHandle: 'in',
          selected: selectedKeys.has(key),
          ariaLabel: `${edge.source}, ${edge.port} → ${edge.target}`,
          data: { isBroken: !(ports.get(edge.source)?.has(edge.port) ?? false) },
        }
      })
  }, [document.components, document.edges, specs, selectedKeys])
}
