import type { Component, Document } from './types'

type Groups = Document['groups']

/** The name of the group that a component is in; one named by several is in the first of them. */
export function groupOf(document: Document, id: string): string | null {
  return Object.keys(document.groups).find((name) => document.groups[name]?.members?.includes(id) === true) ?? null
}

/** The components that are shown in a group. */
export function membersOf(document: Document, name: string): Component[] {
  return document.components.filter((each) => groupOf(document, each.id) === name)
}

/** The groups of which all components are among some. */
export function wholeGroups(document: Document, ids: ReadonlySet<string>): Groups {
  const whole = Object.entries(document.groups).flatMap(([name, each]) => {
    const members = membersOf(document, name).map(({ id }) => id)
    return members.length > 0 && members.every((id) => ids.has(id)) ? [[name, { ...each, members }] as const] : []
  })
  return Object.fromEntries(whole)
}

/** Adds groups, under names that are free, for components that came in under other ids. */
export function addGroups(document: Document, groups: Groups, ids: ReadonlyMap<string, string>): Document {
  return Object.entries(groups).reduce((made, [name, { members = [], collapsed = false }]) => {
    const own = members.flatMap((id) => ids.get(id) ?? [])
    return own.length === 0 ? made : { ...made, groups: { ...made.groups, [freeGroupName(made, name)]: { members: own, collapsed } } }
  }, document)
}

/** The groups without some components, and without those that nobody is left of. */
function without(groups: Groups, ids: ReadonlySet<string>): Groups {
  const left = Object.entries(groups).map(([name, group]) => [name, { ...group, members: (group.members ?? []).filter((id) => !ids.has(id)) }] as const)
  return Object.fromEntries(left.filter(([, group]) => group.members.length > 0))
}

/** Puts components into a group, a new one if there is none of that name; they leave the group that they were in. */
export function group(document: Document, name: string, ids: ReadonlySet<string>): Document {
  const members = document.components.map((each) => each.id).filter((id) => ids.has(id) || groupOf(document, id) === name)
  // The group keeps its place in the order, and stays as it is shown.
  const before = document.groups[name]
  const others = without({ ...document.groups, ...(before === undefined ? {} : { [name]: { ...before, members: [''] } }) }, ids)
  return { ...document, groups: { ...others, [name]: { collapsed: before?.collapsed ?? false, members } } }
}

/** Takes components out of the groups that they are in. */
export function ungroup(document: Document, ids: ReadonlySet<string>): Document {
  if (!Object.values(document.groups).some((each) => each.members?.some((id) => ids.has(id)))) return document
  return { ...document, groups: without(document.groups, ids) }
}

/** Removes a group; its components stay where they are. */
export function dissolve(document: Document, name: string): Document {
  return { ...document, groups: Object.fromEntries(Object.entries(document.groups).filter(([each]) => each !== name)) }
}

/** Gives a group another name, which no other may have. */
export function renameGroup(document: Document, from: string, to: string): Document {
  if (to in document.groups) return document
  return { ...document, groups: Object.fromEntries(Object.entries(document.groups).map(([name, each]) => [name === from ? to : name, each])) }
}

/** Folds a group into one card, or unfolds it. */
export function setCollapsed(document: Document, name: string, collapsed: boolean): Document {
  const before = document.groups[name]
  return before === undefined ? document : { ...document, groups: { ...document.groups, [name]: { ...before, collapsed } } }
}

/** The groups after a component got another id. */
export function renamedMember(groups: Groups, from: string, to: string): Groups {
  const named = Object.entries(groups).map(([name, each]) => [name, { ...each, members: (each.members ?? []).map((id) => (id === from ? to : id)) }] as const)
  return Object.fromEntries(named)
}

/** A name for a group that is free. */
export function freeGroupName(document: Document, wish: string): string {
  let name = wish
  for (let number = 2; name in document.groups; number += 1) name = `${wish} ${number}`
  return name
}
