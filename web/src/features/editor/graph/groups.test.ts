import { describe, expect, it } from 'vitest'
import { partOf } from './arrange'
import { duplicate } from './duplicate'
import type { Document } from './types'
import { emptyDocument, SpecIndex } from './types'
import { dissolve, freeGroupName, group, groupOf, renameGroup, setCollapsed, ungroup } from './groups'
import { moveComponents, removeComponents, renameComponent } from './operations'
import { paste } from './paste'

function three(): Document {
  const components = ['a', 'b', 'c'].map((id) => ({ id, kind: 'transform' as const, type: 'filter', options: {}, enabled: true, comment: '' }))
  return { ...emptyDocument(), components }
}

describe('groups', () => {
  const grouped = group(group(three(), 'first', new Set(['a', 'b'])), 'second', new Set(['c']))

  it('hold each component once', () => {
    expect(groupOf(grouped, 'a')).toBe('first')
    const moved = group(grouped, 'second', new Set(['b']))
    expect(moved.groups).toEqual({ first: { members: ['a'], collapsed: false }, second: { members: ['b', 'c'], collapsed: false } })
    expect(group(grouped, 'second', new Set(['a', 'b'])).groups).toEqual({ second: { members: ['a', 'b', 'c'], collapsed: false } })
  })
  it('stay folded when somebody joins', () => {
    expect(group(setCollapsed(grouped, 'first', true), 'first', new Set(['c'])).groups.first).toEqual({ members: ['a', 'b', 'c'], collapsed: true })
  })
  it('end when nobody is left, and follow what happens to their members', () => {
    expect(Object.keys(ungroup(grouped, new Set(['a', 'c'])).groups)).toEqual(['first'])
    expect(removeComponents(grouped, new Set(['a', 'c'])).groups).toEqual({ first: { members: ['b'], collapsed: false } })
    expect(renameComponent(grouped, 'a', 'z').groups.first?.members).toEqual(['z', 'b'])
    expect(dissolve(grouped, 'first').groups).toEqual({ second: { members: ['c'], collapsed: false } })
    expect(dissolve(grouped, 'first').components).toHaveLength(3)
    const free = three()
    expect(ungroup(free, new Set(['a']))).toBe(free)
  })
  it('are copied with all of their components, and not with some', () => {
    const folded = setCollapsed(grouped, 'first', true)
    const [whole, ids] = duplicate(folded, new Set(['a', 'b']))
    expect(whole.groups).toEqual({ ...folded.groups, 'first 2': { members: ids, collapsed: true } })
    expect(duplicate(folded, new Set(['a', 'c']))[0].groups).toEqual({ ...folded.groups, 'second 2': { members: ['c_copy'], collapsed: false } })
    expect(duplicate(folded, new Set(['a']))[0].groups).toBe(folded.groups)
  })
  it('are copied to where their frame hides nobody', () => {
    const apart = moveComponents(grouped, { a: { x: 0, y: 0 }, b: { x: 280, y: 0 }, c: { x: 0, y: 200 } })
    const { layout } = duplicate(apart, new Set(['a', 'b']))[0]
    expect(layout.a_copy?.y).toBeGreaterThanOrEqual(350)
    expect((layout.b_copy?.x ?? 0) - (layout.a_copy?.x ?? 0)).toBe(280)
  })
  it('go over the clipboard and come back under a free name', () => {
    const part = partOf(grouped, new Set(['a', 'b']))
    expect(part.groups).toEqual({ first: { members: ['a', 'b'], collapsed: false } })
    expect(paste(grouped, new SpecIndex({ components: [] }), part, { x: 0, y: 0 }).document.groups).toEqual({ ...grouped.groups, 'first 2': { members: ['a_2', 'b_2'], collapsed: false } })
    expect(partOf(grouped, new Set(['a', 'c'])).groups).toEqual({ second: { members: ['c'], collapsed: false } })
    // Components that a text names but does not bring are in no group.
    const foreign = { ...part, groups: { other: { members: ['a', 'gone'] }, none: { members: ['gone'] } } }
    expect(Object.keys(paste(grouped, new SpecIndex({ components: [] }), foreign, { x: 0, y: 0 }).document.groups)).toEqual(['first', 'second', 'other'])
  })
  it('have a name each', () => {
    expect(Object.keys(renameGroup(grouped, 'first', 'third').groups)).toEqual(['third', 'second'])
    expect(renameGroup(grouped, 'first', 'second')).toBe(grouped)
    expect(freeGroupName(grouped, 'first')).toBe('first 2')
  })
})
