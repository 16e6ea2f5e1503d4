// What the in-memory server works out: a compile that is good enough to look at, checks, rates.
import { stringify } from 'yaml'

/** The document as Vector YAML, roughly as the real compiler writes it. */
export function compile(document) {
  const parts = { sources: {}, transforms: {}, sinks: {} }
  for (const each of document.components) {
    if (each.enabled === false) continue
    const inputs = document.edges
      .filter((edge) => edge.target === each.id)
      .map((edge) => (edge.port === '_default' ? edge.source : `${edge.source}.${edge.port}`))
    const body = { type: each.type, ...(each.kind === 'source' ? {} : { inputs }), ...each.options }
    parts[`${each.kind}s`][each.id] = body
  }
  return stringify(Object.fromEntries(Object.entries(parts).filter(([, value]) => Object.keys(value).length > 0)))
}

const finding = (severity, rule, message, component, path = []) => ({ severity, rule, message, component, path, line: null, column: null, fix: null })

/** A few of the checks, so that every kind of finding can be seen. */
export function check(document) {
  const findings = []
  for (const each of document.components) {
    const hasInput = document.edges.some((edge) => edge.target === each.id)
    if (each.kind !== 'source' && !hasInput) findings.push(finding('error', 'graph.no-input', `${each.id} has no input: connect an output to it.`, each.id))
    if (each.type === 'filter' && !each.options.condition) {
      findings.push(finding('error', 'options.required', 'The condition is missing: say which events go on.', each.id, ['condition']))
    }
    if (each.options.colour !== undefined) {
      findings.push(finding('warning', 'options.unknown', 'Vector does not know the option colour; it will refuse the configuration.', each.id, ['colour']))
    }
    if (each.kind !== 'sink' && !document.edges.some((edge) => edge.source === each.id)) {
      findings.push(finding('note', 'graph.unused', `Nothing takes what ${each.id} sends.`, each.id))
    }
  }
  const hasError = findings.some((each) => each.severity === 'error')
  return { findings, yaml: hasError && document.components.length === 0 ? null : compile(document), sha256: 'b0'.repeat(32) }
}

/** Rates that follow the demo's graph; they wander a little, as real ones do. */
export function ratesOf(id, document) {
  const seconds = Date.now() / 1000
  const total = 128 + Math.sin(seconds / 7) * 20
  const share = { access_log: 1, parse: 0.97, split: 0.97, to_file: 0.12, to_receiver: 0.85, unparsed: 0.03 }
  const components = {}
  for (const each of document.components) {
    const rate = total * (share[each.id] ?? 0)
    const ports = { split: { errors: 0.04, slow: 0.08, _unmatched: 0.85 }, parse: { _default: 0.97, dropped: 0.03 } }[each.id] ?? { _default: share[each.id] ?? 0 }
    const outputs = each.kind === 'sink' ? {} : Object.fromEntries(
      Object.entries(ports).map(([port, part]) => [port, { events_per_second: total * part, events_total: Math.round(seconds * part) }]),
    )
    components[each.id] = {
      received_events_per_second: rate,
      sent_events_per_second: rate,
      errors_per_second: each.id === 'parse' ? 0.4 : 0,
      discarded_per_second: 0,
      received_events_total: Math.round(seconds),
      outputs,
      utilization: each.kind === 'source' ? null : 0.21,
    }
  }
  return { topic: `rates:${id}`, id, at: new Date().toISOString(), window_seconds: 15, stale_seconds: null, components }
}
