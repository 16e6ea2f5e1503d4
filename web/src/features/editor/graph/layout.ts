import type { Point } from './operations'
import type { Document } from './types'

const COLUMN = 280
const ROW = 120

/** The column of each component: one more than its furthest input, cycles cut. */
export function depths(document: Document): Map<string, number> {
  const inputs = new Map<string, string[]>()
  for (const edge of document.edges) inputs.set(edge.target, [...(inputs.get(edge.target) ?? []), edge.source])
  const depth = new Map<string, number>()
  const open = new Set<string>()
  const visit = (id: string): number => {
    const known = depth.get(id)
    if (known !== undefined) return known
    if (open.has(id)) return 0
    open.add(id)
    const own = Math.max(-1, ...(inputs.get(id) ?? []).map(visit)) + 1
    open.delete(id)
    depth.set(id, own)
    return own
  }
  for (const component of document.components) visit(component.id)
  return depth
}

function placeColumn(document: Document, ids: string[], column: number, places: Record<string, Point>): void {
  const wish = (id: string): number => {
    const rows = document.edges.filter((edge) => edge.target === id).flatMap((edge) => places[edge.source]?.y ?? [])
    return rows.length === 0 ? 0 : rows.reduce((sum, y) => sum + y, 0) / rows.length
  }
  const sorted = ids.map((id, index) => ({ id, index, y: wish(id) })).sort((a, b) => a.y - b.y || a.index - b.index)
  let next = -Infinity
  for (const { id, y } of sorted) {
    const row = Math.max(y, next)
    places[id] = { x: column * COLUMN, y: Math.round(row) }
    next = row + ROW
  }
}

/** Places for all components, left to right, each near the middle of its inputs. Quick and stable; ELK tidies better. */
export function columnLayout(document: Document): Record<string, Point> {
  const depth = depths(document)
  const places: Record<string, Point> = {}
  const columns = new Map<number, string[]>()
  for (const { id } of document.components) {
    const column = depth.get(id) ?? 0
    columns.set(column, [...(columns.get(column) ?? []), id])
  }
  for (const [column, ids] of [...columns].sort(([a], [b]) => a - b)) placeColumn(document, ids, column, places)
  return places
}

/** The document with a place for every component; those that have one keep it. */
export function withPlaces(document: Document): Document {
  const missing = document.components.some((each) => document.layout?.[each.id] === undefined)
  if (!missing) return document
  return { ...document, layout: { ...columnLayout(document), ...document.layout } }
}
