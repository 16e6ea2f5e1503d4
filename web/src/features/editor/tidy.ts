import type { ElkNode } from 'elkjs/lib/elk-api'
import ELK from 'elkjs/lib/elk-api'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import type { Point } from './graph/operations'
import { portsOf } from './graph/ports'
import type { Component, Document, SpecIndex } from './graph/types'
import { cardHeight } from './canvas/nodes'

const WIDTH = 208

function toChild(component: Component, specs: SpecIndex): ElkNode {
  const ports = portsOf(component, specs.get(component))
  const height = cardHeight(ports)
  return {
    id: component.id,
    width: WIDTH,
    height,
    layoutOptions: { 'elk.portConstraints': 'FIXED_ORDER' },
    ports: [
      { id: `${component.id}>in`, layoutOptions: { 'elk.port.side': 'WEST', 'elk.port.index': '0' } },
      // ELK counts ports clockwise from the north, so outputs on the east go down.
      ...ports.map((port, index) => ({
        id: `${component.id}>${port.name}`,
        layoutOptions: { 'elk.port.side': 'EAST', 'elk.port.index': String(index) },
      })),
    ],
  }
}

/** Places for all components from left to right with few crossings, worked out beside the page. */
export async function tidy(document: Document, specs: SpecIndex): Promise<Record<string, Point>> {
  const elk = new ELK({ workerFactory: () => new Worker(workerUrl) })
  // An edge from an output that no longer exists has nowhere to start.
  const known = new Map(document.components.map((each) => [each.id, portsOf(each, specs.get(each)).map((port) => port.name)]))
  const edges = document.edges.filter((edge) => known.get(edge.source)?.includes(edge.port) === true && known.has(edge.target))
  const graph: ElkNode = {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.layered.spacing.nodeNodeBetweenLayers': '90',
      'elk.spacing.nodeNode': '40',
      'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
    },
    children: document.components.map((each) => toChild(each, specs)),
    edges: edges.map((edge, index) => ({ id: String(index), sources: [`${edge.source}>${edge.port}`], targets: [`${edge.target}>in`] })),
  }
  try {
    const laid = await elk.layout(graph)
    const places = (laid.children ?? []).map(({ id, x = 0, y = 0 }) => [id, { x: Math.round(x), y: Math.round(y) }] as const)
    return Object.fromEntries(places)
  } finally {
    elk.terminateWorker()
  }
}
