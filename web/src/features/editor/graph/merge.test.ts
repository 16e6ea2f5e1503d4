import { describe, expect, it } from 'vitest'
import { merge } from './merge'
import type { Whole } from './merge'
import { emptyDocument } from './types'

const component = (id: string, options: Record<string, unknown> = {}) => ({ id, kind: 'transform' as const, type: 'filter', options, enabled: true, comment: '' })
const edge = (source: string, target: string) => ({ source, port: '_default', target })

function whole(change: Partial<Whole['document']> = {}, name = 'p'): Whole {
  const document = {
    ...emptyDocument(),
    components: [component('a'), component('b'), component('c')],
    edges: [edge('a', 'b'), edge('b', 'c')],
    layout: { a: { x: 0, y: 0 }, b: { x: 1, y: 0 }, c: { x: 2, y: 0 } },
    ...change,
  }
  return { document, name, description: '' }
}

const NOTHING = new Map<string, 'mine' | 'theirs'>()

describe('merging two sides', () => {
  it('takes from each what only it changed', () => {
    const mine = whole({ components: [component('a', { x: 1 }), component('b'), component('c')], globals: { timezone: 'UTC' } })
    const theirs = whole({ components: [component('a'), component('b'), component('c', { y: 2 }), component('d')], edges: [edge('a', 'b'), edge('b', 'c'), edge('c', 'd')] }, 'q')
    const made = merge(whole(), mine, theirs)
    expect(made.conflicts).toEqual([])
    expect(made.onlyMine.map((each) => each.key)).toEqual(['component:a', 'setting:timezone'])
    expect(made.onlyTheirs.map((each) => each.key)).toEqual(['component:c', 'name:', 'component:d', 'edge:c._default>d'])
    const { document, name } = made.result(NOTHING)
    expect(name).toBe('q')
    expect(document.components).toEqual([component('a', { x: 1 }), component('b'), component('c', { y: 2 }), component('d')])
    expect(document.edges).toHaveLength(3)
    expect(document.globals).toEqual({ timezone: 'UTC' })
  })
  it('asks where both changed the same, also where one removed it', () => {
    const mine = whole({ components: [component('a', { x: 1 }), component('b', { x: 1 }), component('c')] })
    const theirs = whole({ components: [component('a', { x: 2 }), component('c')], edges: [] })
    const made = merge(whole(), mine, theirs)
    expect(made.conflicts.map((each) => each.key)).toEqual(['component:a', 'component:b'])
    expect(made.conflicts[1]?.theirs).toBeUndefined()
    const taken = made.result(new Map([['component:a', 'mine'], ['component:b', 'theirs']]))
    expect(taken.document.components).toEqual([component('a', { x: 1 }), component('c')])
    const kept = made.result(new Map([['component:a', 'theirs'], ['component:b', 'mine']]))
    expect(kept.document.components).toEqual([component('a', { x: 2 }), component('b', { x: 1 }), component('c')])
    // They took the edges away, and I left them alone.
    expect(kept.document.edges).toEqual([])
  })
  it('lets no edge or group lead to what is gone', () => {
    const mine = whole({ edges: [edge('a', 'b'), edge('b', 'c'), edge('a', 'c')], groups: { g: { members: ['b', 'c'] } } })
    const theirs = whole({ components: [component('a'), component('b')], edges: [edge('a', 'b')] })
    const { document } = merge(whole(), mine, theirs).result(NOTHING)
    expect(document.components.map((each) => each.id)).toEqual(['a', 'b'])
    expect(document.edges).toEqual([edge('a', 'b')])
    expect(document.groups).toEqual({ g: { members: ['b'] } })
    expect(Object.keys(document.layout)).toEqual(['a', 'b'])
  })
  it('asks about every difference when nobody knows where both began', () => {
    const theirs = whole({ components: [component('a', { x: 2 }), component('b'), component('d')] })
    const made = merge(null, whole(), theirs)
    expect(made.conflicts.map((each) => each.key)).toEqual(['component:a'])
    expect(made.result(NOTHING).document.components.map((each) => each.id)).toEqual(['a', 'b', 'c', 'd'])
  })
  it('does not mind in which order the server stored the options', () => {
    const [here, there] = [component('a', { x: 1, y: { p: 1, q: [1, 2] } }), component('a', { y: { q: [1, 2], p: 1 }, x: 1 })]
    const made = merge(whole({ components: [here] }), whole({ components: [here], selector: 'a' }), whole({ components: [there] }))
    expect([made.conflicts.length, made.onlyTheirs.length, made.onlyMine.map((each) => each.key)]).toEqual([0, 0, ['selector:']])
  })
  it('finds nothing to ask in the same on both sides', () => {
    const mine = whole({ selector: 'a=b' })
    const made = merge(whole(), mine, whole({ selector: 'a=b' }))
    expect([made.conflicts, made.onlyMine, made.onlyTheirs]).toEqual([[], [], []])
  })
})
