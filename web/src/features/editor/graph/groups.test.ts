import { describe, expect, it } from 'vitest'
import type { Document } from './types'
import { emptyDocument } from './types'
import { dissolve, freeGroupName, group, groupOf, renameGroup, setCollapsed, ungroup } from './groups'
import { removeComponents, renameComponent } from './operations'

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
  it('have a name each', () => {
    expect(Object.keys(renameGroup(grouped, 'first', 'third').groups)).toEqual(['third', 'second'])
    expect(renameGroup(grouped, 'first', 'second')).toBe(grouped)
    expect(freeGroupName(grouped, 'first')).toBe('first 2')
  })
})
