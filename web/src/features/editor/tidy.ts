import ELK from 'elkjs/lib/elk-api'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import type { Point } from './graph/operations'
import type { Document, SpecIndex } from './graph/types'
import { tidyGraph, tidyPlaces } from './tidy-graph'

/** Places for all components from left to right with few crossings and groups together, worked out beside the page. */
export async function tidy(document: Document, specs: SpecIndex): Promise<Record<string, Point>> {
  const elk = new ELK({ workerFactory: () => new Worker(workerUrl) })
  try {
    return tidyPlaces(await elk.layout(tidyGraph(document, specs)), document)
  } finally {
    elk.terminateWorker()
  }
}
