import { same } from './same'
import type { Component, Document, Edge } from './types'
import { edgeKey } from './types'

/** What is edited of a pipeline: its document and how it is called. */
export type Whole = { document: Document; name: string; description: string }

type Kind = 'component' | 'edge' | 'table' | 'variable' | 'setting' | 'tests' | 'selector' | 'name' | 'description'

/** A part that two people can change apart from each other; undefined where a side has no such part. */
export type Part = { key: string; kind: Kind; label: string; mine: unknown; theirs: unknown }

export type Merge = {
  /** Parts that both sides changed, each in its own way. */
  conflicts: Part[]
  onlyMine: Part[]
  onlyTheirs: Part[]
  /** The whole with what only one side changed taken from it, and the conflicts as chosen. */
  result: (choices: ReadonlyMap<string, 'mine' | 'theirs'>) => Whole
}

type Unit = { kind: Kind; label: string; value: unknown }

/** A whole taken apart; the layout, comments and groups are not asked about. */
function units({ document, name, description }: Whole): Map<string, Unit> {
  const parts = new Map<string, Unit>()
  const add = (kind: Kind, label: string, value: unknown) => parts.set(`${kind}:${label}`, { kind, label, value })
  for (const component of document.components) add('component', component.id, component)
  for (const edge of document.edges) add('edge', edgeKey(edge), edge)
  for (const [table, value] of Object.entries(document.enrichment_tables)) add('table', table, value)
  for (const [variable, value] of Object.entries(document.variables)) add('variable', variable, value)
  for (const [setting, value] of Object.entries(document.globals)) add('setting', setting, value)
  add('tests', '', document.tests)
  add('selector', '', document.selector)
  add('name', '', name)
  add('description', '', description)
  return parts
}

/** Keeps the order of one side and puts what the other has besides at the end. */
function keysOf(mine: Map<string, Unit>, theirs: Map<string, Unit>): string[] {
  return [...new Set([...mine.keys(), ...theirs.keys()])]
}

function rebuilt(parts: Map<string, Unit>, mine: Whole, theirs: Whole): Whole {
  const of = (kind: Kind) => [...parts.values()].filter((each) => each.kind === kind)
  const record = (kind: Kind) => Object.fromEntries(of(kind).map(({ label, value }) => [label, value]))
  const components = of('component').map((each) => each.value as Component)
  const ids = new Set(components.map((each) => each.id))
  const one = (kind: Kind) => parts.get(`${kind}:`)?.value
  const layout = Object.fromEntries([...ids].flatMap((id) => {
    const at = mine.document.layout[id] ?? theirs.document.layout[id]
    return at === undefined ? [] : [[id, at] as const]
  }))
  const grouped = Object.entries({ ...theirs.document.groups, ...mine.document.groups }).map(([name, group]) => [name, { ...group, members: (group.members ?? []).filter((id) => ids.has(id)) }] as const)
  return {
    name: String(one('name')),
    description: String(one('description')),
    document: {
      ...mine.document,
      components,
      // An edge leads from and to what is there.
      edges: of('edge').map((each) => each.value as Edge).filter((each) => ids.has(each.source) && ids.has(each.target)),
      layout,
      groups: Object.fromEntries(grouped.filter(([, group]) => group.members.length > 0)),
      enrichment_tables: record('table'),
      variables: record('variable') as Document['variables'],
      globals: record('setting'),
      comments: { ...theirs.document.comments, ...mine.document.comments },
      tests: one('tests') as Document['tests'],
      selector: String(one('selector')),
    },
  }
}

/**
 * Compares two sides that began at `base`. Without one, as after a reload over a newer version, every part that both
 * have and that differs is a conflict, and what only one side has is kept.
 */
export function merge(base: Whole | null, mine: Whole, theirs: Whole): Merge {
  const before = base === null ? new Map<string, Unit>() : units(base)
  const [own, other] = [units(mine), units(theirs)]
  const conflicts: Part[] = []
  const onlyMine: Part[] = []
  const onlyTheirs: Part[] = []
  const fixed = new Map<string, Unit | undefined>()
  for (const key of keysOf(own, other)) {
    const [was, here, there] = [before.get(key), own.get(key), other.get(key)]
    const unit = here ?? there
    if (unit === undefined) continue
    const part = { key, kind: unit.kind, label: unit.label, mine: here?.value, theirs: there?.value }
    if (same(part.mine, part.theirs)) fixed.set(key, here)
    else if (same(part.mine, was?.value)) {
      onlyTheirs.push(part)
      fixed.set(key, there)
    } else if (same(part.theirs, was?.value)) {
      onlyMine.push(part)
      fixed.set(key, here)
    } else {
      conflicts.push(part)
      fixed.set(key, undefined)
    }
  }
  const result = (choices: ReadonlyMap<string, 'mine' | 'theirs'>) => {
    const parts = new Map<string, Unit>()
    for (const [key, unit] of fixed) {
      const isOpen = conflicts.some((each) => each.key === key)
      const chosen = isOpen ? (choices.get(key) === 'theirs' ? other : own).get(key) : unit
      if (chosen !== undefined) parts.set(key, chosen)
    }
    return rebuilt(parts, mine, theirs)
  }
  return { conflicts, onlyMine, onlyTheirs, result }
}
