import type { Component, ComponentSpec } from './types'
import { DEFAULT_PORT } from './types'

/** A named output with the kinds of event it can carry. */
export type Port = { name: string; types: string[] }

const SIGNALS: [string, string][] = [
  ['logs', 'log'],
  ['metrics', 'metric'],
  ['traces', 'trace'],
]

function routeNames(options: Record<string, unknown>): string[] {
  const route = options.route
  if (typeof route !== 'object' || route === null) return []
  return Object.keys(route)
}

function exclusiveNames(options: Record<string, unknown>): string[] {
  if (!Array.isArray(options.routes)) return []
  return options.routes
    .map((each: unknown) => (typeof each === 'object' && each !== null && 'name' in each ? each.name : undefined))
    .filter((name): name is string => typeof name === 'string' && name !== '')
}

function signalPorts(spec: ComponentSpec, isOff: (signal: string) => boolean): Port[] {
  return SIGNALS.filter(([name, type]) => spec.output_types.includes(type) && !isOff(name)).map(([name, type]) => ({
    name,
    types: [type],
  }))
}

/** The outputs of a component as its options make them. An unknown type has one default output of any type. */
export function portsOf(component: Component, spec: ComponentSpec | undefined): Port[] {
  if (component.kind === 'sink') return []
  const types = spec?.output_types ?? []
  const { options } = component
  const port = (name: string): Port => ({ name, types })
  switch (spec?.ports) {
    case 'route':
      return [...routeNames(options), ...(options.reroute_unmatched === false ? [] : ['_unmatched'])].map(port)
    case 'exclusive_route':
      return [...exclusiveNames(options), '_unmatched'].map(port)
    case 'remap':
      return (options.reroute_dropped === true ? [DEFAULT_PORT, 'dropped'] : [DEFAULT_PORT]).map(port)
    case 'opentelemetry':
      return signalPorts(spec, () => false)
    case 'datadog_agent':
      if (options.multiple_outputs !== true) return [port(DEFAULT_PORT)]
      return signalPorts(spec, (signal) => options[`disable_${signal}`] === true)
    default:
      return [port(DEFAULT_PORT)]
  }
}
