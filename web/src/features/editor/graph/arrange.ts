import { wholeGroups } from './groups'
import type { Point } from './operations'
import type { Document } from './types'

export type Arrangement = 'left' | 'centre' | 'right' | 'top' | 'middle' | 'bottom' | 'columns' | 'rows'
export type Box = Point & { id: string; width: number; height: number }

function spread(boxes: Box[], at: 'x' | 'y', size: 'width' | 'height'): Record<string, Point> {
  const sorted = [...boxes].sort((a, b) => a[at] - b[at])
  const first = sorted[0]
  const last = sorted.at(-1)
  if (first === undefined || last === undefined || sorted.length < 3) return {}
  const taken = sorted.reduce((sum, each) => sum + each[size], 0)
  const gap = (last[at] + last[size] - first[at] - taken) / (sorted.length - 1)
  let next = first[at]
  return Object.fromEntries(
    sorted.map((each) => {
      const place = { x: each.x, y: each.y, [at]: Math.round(next) }
      next += each[size] + gap
      return [each.id, place]
    }),
  )
}

/** Places for boxes in one line, or with equal gaps. */
export function arrange(boxes: Box[], how: Arrangement): Record<string, Point> {
  if (how === 'columns') return spread(boxes, 'x', 'width')
  if (how === 'rows') return spread(boxes, 'y', 'height')
  const low = { x: Math.min(...boxes.map((each) => each.x)), y: Math.min(...boxes.map((each) => each.y)) }
  const high = { x: Math.max(...boxes.map((each) => each.x + each.width)), y: Math.max(...boxes.map((each) => each.y + each.height)) }
  const place = ({ x, y, width, height }: Box): Point => {
    switch (how) {
      case 'left':
        return { x: low.x, y }
      case 'centre':
        return { x: Math.round((low.x + high.x - width) / 2), y }
      case 'right':
        return { x: high.x - width, y }
      case 'top':
        return { x, y: low.y }
      case 'middle':
        return { x, y: Math.round((low.y + high.y - height) / 2) }
      case 'bottom':
        return { x, y: high.y - height }
    }
  }
  return Object.fromEntries(boxes.map((box) => [box.id, place(box)]))
}

/** The part of a document that only holds some components, with the edges into them and the groups that are whole. */
export function partOf(document: Document, ids: ReadonlySet<string>): Document {
  const components = document.components.filter((each) => ids.has(each.id))
  return {
    ...document,
    components,
    edges: document.edges.filter((each) => ids.has(each.target)),
    globals: {},
    enrichment_tables: {},
    tests: [],
    groups: wholeGroups(document, ids),
    comments: Object.fromEntries(Object.entries(document.comments).filter(([path]) => ids.has(path.split('/')[1] ?? ''))),
  }
}
