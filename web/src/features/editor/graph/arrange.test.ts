import { describe, expect, it } from 'vitest'
import type { Box } from './arrange'
import { arrange, partOf } from './arrange'
import { joined, paste } from './paste'
import type { Document } from './types'
import { emptyDocument, SpecIndex } from './types'

const box = (id: string, x: number, y: number, height = 50): Box => ({ id, x, y, width: 208, height })

describe('arranging', () => {
  const boxes = [box('a', 0, 10), box('b', 40, 200, 90), box('c', 100, 120)]
  it('lines up edges and middles', () => {
    expect(arrange(boxes, 'left')).toEqual({ a: { x: 0, y: 10 }, b: { x: 0, y: 200 }, c: { x: 0, y: 120 } })
    expect(arrange(boxes, 'right')['a']).toEqual({ x: 100, y: 10 })
    expect(arrange(boxes, 'bottom')).toMatchObject({ a: { y: 240 }, b: { y: 200 }, c: { y: 240 } })
    expect(arrange(boxes, 'centre')['b']).toEqual({ x: 50, y: 200 })
  })
  it('makes gaps equal, and leaves the ends where they are', () => {
    expect(arrange(boxes, 'rows')).toEqual({ a: { x: 0, y: 10 }, c: { x: 100, y: 105 }, b: { x: 40, y: 200 } })
    expect(arrange(boxes.slice(0, 2), 'rows')).toEqual({})
  })
})

const specs = new SpecIndex({ components: [] })
const component = (id: string, kind: 'source' | 'transform' | 'sink') => ({ id, kind, type: 'x', options: {}, enabled: true, comment: '' })
const graph: Document = {
  ...emptyDocument(),
  components: [component('in', 'source'), component('keep', 'transform'), component('out', 'sink')],
  edges: [
    { source: 'in', port: '_default', target: 'keep' },
    { source: 'keep', port: '_default', target: 'out' },
  ],
  layout: { in: { x: 0, y: 0 }, keep: { x: 280, y: 0 }, out: { x: 560, y: 0 } },
  globals: { timezone: 'UTC' },
}

describe('copy and paste', () => {
  it('takes the components with what feeds them, and nothing of the whole', () => {
    const part = partOf(graph, new Set(['keep', 'out']))
    expect(part.components.map((each) => each.id)).toEqual(['keep', 'out'])
    expect(part.edges).toEqual(graph.edges)
    expect(part.globals).toEqual({})
  })
  it('gives free ids, keeps inner edges and those from components that are here', () => {
    const pasted = paste(graph, specs, partOf(graph, new Set(['keep', 'out'])), { x: 1000, y: 500 })
    expect(pasted.ids).toEqual(['keep_2', 'out_2'])
    expect(pasted.document.edges.slice(2)).toEqual([
      { source: 'in', port: '_default', target: 'keep_2' },
      { source: 'keep_2', port: '_default', target: 'out_2' },
    ])
    expect(pasted.document.layout).toMatchObject({ keep_2: { x: 1000, y: 500 }, out_2: { x: 1280, y: 500 } })
    expect(pasted.document.globals).toEqual({ timezone: 'UTC' })
  })
  it('tells which inputs lead nowhere', () => {
    const pasted = paste(emptyDocument(), specs, partOf(graph, new Set(['out'])), { x: 0, y: 0 })
    expect(pasted.document.edges).toEqual([])
    expect(pasted.dropped).toEqual([graph.edges[1]])
  })
  it('joins the parts of an import without laying them over each other', () => {
    const other: Document = { ...emptyDocument(), components: [component('b', 'source')], layout: { b: { x: 0, y: 0 } } }
    expect(joined([graph, other])?.layout.b?.y).toBeGreaterThan(100)
    expect(joined([])).toBeNull()
  })
})
