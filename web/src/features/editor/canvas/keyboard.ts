import type { Document } from '../graph/types'

/** The component that an arrow key leads to from another: along the edges sideways, to siblings up and down. */
export function neighbour(document: Document, from: string | undefined, key: string): string | null {
  if (!['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].includes(key)) return null
  if (from === undefined) return document.components[0]?.id ?? null
  if (key === 'ArrowRight') return document.edges.find((edge) => edge.source === from)?.target ?? null
  if (key === 'ArrowLeft') return document.edges.find((edge) => edge.target === from)?.source ?? null
  const places = document.layout ?? {}
  const own = places[from] ?? { x: 0, y: 0 }
  const below = key === 'ArrowDown'
  const candidates = document.components
    .filter((each) => each.id !== from)
    .map((each) => ({ id: each.id, at: places[each.id] ?? { x: 0, y: 0 } }))
    .filter(({ at }) => (below ? at.y > own.y : at.y < own.y) && Math.abs(at.x - own.x) < 200)
    .sort((a, b) => Math.abs(a.at.y - own.y) - Math.abs(b.at.y - own.y))
  return candidates[0]?.id ?? null
}
