import type { ElkNode } from 'elkjs/lib/elk-api'
import ELK from 'elkjs/lib/elk-api'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import type { Point } from './graph/operations'
import type { Document } from './graph/types'

const WIDTH = 208
const HEIGHT = 64

/** Places for all components from left to right with few crossings, worked out beside the page. */
export async function tidy(document: Document): Promise<Record<string, Point>> {
  const elk = new ELK({ workerFactory: () => new Worker(workerUrl) })
  const graph: ElkNode = {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.layered.spacing.nodeNodeBetweenLayers': '90',
      'elk.spacing.nodeNode': '40',
      'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
    },
    children: document.components.map(({ id }) => ({ id, width: WIDTH, height: HEIGHT })),
    edges: document.edges.map((edge, index) => ({ id: String(index), sources: [edge.source], targets: [edge.target] })),
  }
  try {
    const laid = await elk.layout(graph)
    const places = (laid.children ?? []).map(({ id, x = 0, y = 0 }) => [id, { x: Math.round(x), y: Math.round(y) }] as const)
    return Object.fromEntries(places)
  } finally {
    elk.terminateWorker()
  }
}
