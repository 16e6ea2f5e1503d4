import ELK from 'elkjs/lib/elk.bundled.js'
import { describe, expect, it } from 'vitest'
import { withFrames } from './canvas/frames'
import type { CardNode } from './canvas/nodes'
import { cardHeight } from './canvas/nodes'
import { portsOf } from './graph/ports'
import type { Component, Document } from './graph/types'
import { emptyDocument, SpecIndex } from './graph/types'
import { tidyGraph, tidyPlaces } from './tidy-graph'

const specs = new SpecIndex({
  components: [
    { kind: 'source', type: 'in', title: 'in', summary: '', stability: 'stable', options: {} },
    { kind: 'transform', type: 'step', title: 'step', summary: '', stability: 'stable', options: {} },
  ] as never,
})
const elk = new ELK()

async function tidied(document: Document): Promise<Document> {
  return { ...document, layout: tidyPlaces(await elk.layout(tidyGraph(document, specs)), document) }
}

function step(id: string): Component {
  return { id, kind: 'transform', type: 'step', options: {}, enabled: true, comment: '' }
}

function graph(count: number, edges: [number, number][], groups: Document['groups'] = {}): Document {
  const components = Array.from({ length: count }, (_, index) => step(`c${index}`))
  const layout = Object.fromEntries(components.map(({ id }, index) => [id, { x: (index * 37) % 500, y: (index * 91) % 700 }]))
  return { ...emptyDocument(), components, edges: edges.map(([a, b]) => ({ source: `c${a}`, port: '_default', target: `c${b}` })), layout, groups }
}

type Rect = { id: string; x: number; y: number; width: number; height: number; inside: readonly string[] }

/** What is drawn: frames, folded groups and cards, as the canvas draws them. */
function drawn(document: Document): Rect[] {
  const cards = document.components.map((component): CardNode => {
    const ports = portsOf(component, specs.get(component))
    return { id: component.id, type: 'component', position: document.layout[component.id] ?? { x: 0, y: 0 }, data: { component, ports }, measured: { width: 208, height: cardHeight(ports) } }
  })
  return withFrames(cards, document.groups, undefined).map((each) => ({
    id: each.id,
    ...each.position,
    width: each.measured?.width ?? 0,
    height: each.measured?.height ?? 0,
    inside: each.type === 'frame' ? each.data.ids : [],
  }))
}

function overlaps(document: Document): string[] {
  const rects = drawn(document)
  return rects.flatMap((a, index) =>
    rects
      .slice(index + 1)
      .filter((b) => !a.inside.includes(b.id) && !b.inside.includes(a.id))
      .filter((b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height)
      .map((b) => `${a.id} and ${b.id}`),
  )
}

/** A graph of chance that is the same for a seed: edges mostly forward, groups across everything, some of them folded. */
function chance(seed: number): Document {
  let state = seed
  const next = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
  const count = 8 + next(12)
  const edges = Array.from({ length: count + next(count) }, (): [number, number] => [next(count), next(count)]).filter(([a, b]) => a !== b)
  const groups: Document['groups'] = {}
  for (let index = 0; index < 1 + next(4); index += 1) {
    groups[`g${index}`] = { members: Array.from({ length: 1 + next(5) }, () => `c${next(count + 1)}`), collapsed: next(3) === 0 }
  }
  return graph(count, edges, groups)
}

describe('tidying', () => {
  it('keeps an open group together, though strangers stand between its components', async () => {
    const before = graph(5, [[0, 1], [1, 2], [2, 3], [0, 4]], { both: { members: ['c0', 'c2', 'c4'], collapsed: false } })
    const after = await tidied(before)
    expect(overlaps(after)).toEqual([])
    // The members alone decide where the frame is, so a stranger in the middle of it would be an overlap.
    expect(drawn(after)[0]?.inside).toEqual(['c0', 'c2', 'c4'])
  })
  it('takes a folded group for one box, and moves what it hides as it lies', async () => {
    const before = graph(5, [[0, 1], [1, 2], [2, 3], [3, 4]], { middle: { members: ['c1', 'c2', 'c3'], collapsed: true } })
    const after = await tidied(before)
    expect(overlaps(after)).toEqual([])
    const apart = (document: Document, id: string) => ({ x: (document.layout[id]?.x ?? 0) - (document.layout.c1?.x ?? 0), y: (document.layout[id]?.y ?? 0) - (document.layout.c1?.y ?? 0) })
    expect(apart(after, 'c2')).toEqual(apart(before, 'c2'))
    expect(apart(after, 'c3')).toEqual(apart(before, 'c3'))
    const folded = drawn(after).find((each) => each.id === 'group:middle')
    expect(folded?.x).toBeGreaterThan(after.layout.c0?.x ?? 0)
    expect(folded?.x).toBeLessThan(after.layout.c4?.x ?? 0)
  })
  it('goes left to right without groups', async () => {
    const { layout } = await tidied(graph(3, [[0, 1], [1, 2]]))
    expect([layout.c0?.x, layout.c1?.x, layout.c2?.x].map(Number)).toEqual([12, 310, 608])
  })
  it('overlaps nothing and changes nothing the second time, whatever the graph', async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const once = await tidied(chance(seed))
      expect(Object.keys(once.layout), `seed ${seed}`).toHaveLength(once.components.length)
      expect(overlaps(once), `seed ${seed}`).toEqual([])
      expect((await tidied(once)).layout, `seed ${seed}`).toEqual(once.layout)
    }
  }, 60_000)
})
