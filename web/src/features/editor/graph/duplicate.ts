import { addGroups, wholeGroups } from './groups'
import type { Point } from './operations'
import { freeId } from './operations'
import { freePlace } from './paste'
import type { Document } from './types'

/** How far copies stand from what they are copies of, so that the frame around them hides nothing. */
function clearance(document: Document, ids: ReadonlySet<string>): Point {
  const places = [...ids].map((id) => document.layout[id] ?? { x: 0, y: 0 })
  const origin = { x: Math.min(...places.map((at) => at.x)), y: Math.min(...places.map((at) => at.y)) }
  const offsets = places.map((at) => ({ x: at.x - origin.x, y: at.y - origin.y }))
  const free = freePlace(document, offsets, origin, true)
  return { x: free.x - origin.x, y: free.y - origin.y }
}

/** Copies components beside themselves, with the edges between them and the groups that are whole; returns the document and the new ids. */
export function duplicate(document: Document, ids: ReadonlySet<string>): [Document, string[]] {
  const names = new Map<string, string>()
  const groups = wholeGroups(document, ids)
  const by = Object.keys(groups).length === 0 ? { x: 40, y: 40 } : clearance(document, ids)
  let result = document
  for (const component of document.components.filter((each) => ids.has(each.id))) {
    const id = freeId(result, `${component.id}_copy`)
    names.set(component.id, id)
    const at = document.layout?.[component.id] ?? { x: 0, y: 0 }
    const copy = { ...structuredClone(component), id }
    const layout = { ...result.layout, [id]: { x: at.x + by.x, y: at.y + by.y } }
    result = { ...result, components: [...result.components, copy], layout }
  }
  const inner = document.edges.flatMap((edge) => {
    const source = names.get(edge.source)
    const target = names.get(edge.target)
    return source === undefined || target === undefined ? [] : [{ ...edge, source, target }]
  })
  return [addGroups({ ...result, edges: [...result.edges, ...inner] }, groups, names), [...names.values()]]
}
