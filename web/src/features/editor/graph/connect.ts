import { t } from '@/lib/i18n'
import { portsOf } from './ports'
import type { Document, Edge, SpecIndex } from './types'
import { DEFAULT_PORT } from './types'

/** Every component that can be reached from `start` along the edges, without `start` unless it lies on a cycle. */
export function reachable(document: Document, start: string): Set<string> {
  const seen = new Set<string>()
  const waiting = [start]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const edge of document.edges) {
      if (edge.source !== at || seen.has(edge.target)) continue
      seen.add(edge.target)
      waiting.push(edge.target)
    }
  }
  return seen
}

/** The name of an output as people read it. */
export function portLabel(port: string): string {
  return port === DEFAULT_PORT ? t('output') : port
}

function typeRefusal(types: string[], accepted: string[] | undefined, target: string): string | null {
  if (types.length === 0 || accepted === undefined || accepted.length === 0) return null
  if (types.some((type) => accepted.includes(type))) return null
  return t('{target} takes {accepted}, but this output carries {types}.', {
    target,
    accepted: accepted.join(', '),
    types: types.join(', '),
  })
}

/** Why an edge may not be drawn, in words; null when it may. */
export function connectionRefusal(document: Document, specs: SpecIndex, edge: Edge): string | null {
  const source = document.components.find((each) => each.id === edge.source)
  const target = document.components.find((each) => each.id === edge.target)
  if (source === undefined || target === undefined) return t('Both ends of a connection must exist.')
  if (source === target) return t('A component cannot feed itself.')
  if (source.kind === 'sink') return t('A sink has no output.')
  if (target.kind === 'source') return t('A source has no input.')
  const port = portsOf(source, specs.get(source)).find((each) => each.name === edge.port)
  if (port === undefined) return t('{source} has no output named {port}.', { source: source.id, port: edge.port })
  const exists = document.edges.some(
    (each) => each.source === edge.source && each.port === edge.port && each.target === edge.target,
  )
  if (exists) return t('These two are connected already.')
  if (reachable(document, target.id).has(source.id)) {
    return t('This would make a cycle: {target} already feeds {source}.', { source: source.id, target: target.id })
  }
  return typeRefusal(port.types, specs.get(target)?.input_types, target.id)
}
