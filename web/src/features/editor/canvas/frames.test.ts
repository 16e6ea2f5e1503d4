import { describe, expect, it } from 'vitest'
import type { Component, Document } from '../graph/types'
import { bundled, draggedPlaces, foldedInto, frameId, frameName, memberChanges, withFrames } from './frames'
import type { CardNode } from './nodes'

function card(id: string, x: number, y: number): CardNode {
  const component: Component = { id, kind: 'transform', type: 'filter', options: {}, enabled: true, comment: '' }
  return { id, type: 'component', position: { x, y }, data: { component, ports: [] }, measured: { width: 208, height: 50 } }
}
const cards = [card('a', 0, 0), card('b', 300, 100), card('c', 600, 0)]
const groups = (collapsed: boolean): Document['groups'] => ({ both: { members: ['a', 'b', 'gone'], collapsed }, again: { members: ['b'] } })

describe('frames', () => {
  it('cost nothing while there are no groups', () => {
    expect(withFrames(cards, {}, undefined)).toBe(cards)
  })
  it('stand around the members, which stay', () => {
    const [frame, ...rest] = withFrames(cards, groups(false), 'b')
    expect(rest).toEqual(cards)
    expect(frame).toMatchObject({ id: frameId('both'), position: { x: -16, y: -46 }, width: 540, height: 212, data: { ids: ['a', 'b'], isSelected: true } })
  })
  it('take the place of the members when folded', () => {
    const shown = withFrames(cards, groups(true), undefined)
    expect(shown.map((each) => each.id)).toEqual(['group:both', 'c'])
    expect(shown[0]).toMatchObject({ position: { x: 0, y: 0 }, width: 208, data: { isSelected: false } })
  })
  it('have a name that no component has', () => {
    expect(frameName(frameId('a: b'))).toBe('a: b')
    expect(frameName('group')).toBeNull()
  })
})

describe('a dragged group', () => {
  const layout = { a: { x: 0, y: 0 }, b: { x: 300, y: 100 }, c: { x: 600, y: 0 } }
  it.each([true, false])('takes its members along, folded: %s', (collapsed) => {
    const [frame] = withFrames(cards, groups(collapsed), undefined)
    if (frame === undefined) throw new Error('no frame')
    const position = { x: frame.position.x + 10, y: frame.position.y - 5.5 }
    const changes = memberChanges([{ id: frame.id, type: 'position', position }], cards, groups(collapsed))
    expect(changes).toEqual([
      { id: 'a', type: 'position', position: { x: 10, y: -5.5 } },
      { id: 'b', type: 'position', position: { x: 310, y: 94.5 } },
    ])
    expect(draggedPlaces([{ ...frame, position }, card('c', 1.2, 2)], layout)).toEqual({ a: { x: 10, y: -5 }, b: { x: 310, y: 95 }, c: { x: 1, y: 2 } })
  })
  it('passes other changes on', () => {
    const select = { id: 'a', type: 'select' as const, selected: true }
    expect(memberChanges([select, { id: frameId('both'), type: 'select', selected: true }], cards, groups(false))).toEqual([select])
  })
})

describe('bundles', () => {
  const edge = (source: string, target: string, port = '_default') => ({ source, port, target })
  const edges = [edge('a', 'b'), edge('a', 'c'), edge('b', 'c'), edge('s', 'a', 'errors'), edge('s', 'b', 'errors'), edge('s', 'c')]

  it('join what goes in and out of a folded group and hide what stays inside', () => {
    const { plain, bundles } = bundled(edges, foldedInto(groups(true)))
    expect(plain).toEqual([edge('s', 'c')])
    expect(bundles.map(({ source, sourceHandle, target, edges: own }) => [source, sourceHandle, target, own.length])).toEqual([
      ['group:both', 'out', 'c', 2],
      ['s', 'errors', 'group:both', 2],
    ])
  })
  it('leave all edges alone while no group is folded', () => {
    expect(bundled(edges, foldedInto(groups(false)))).toEqual({ plain: edges, bundles: [] })
  })
})
