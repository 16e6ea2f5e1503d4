import type { Catalogue, Component, ComponentSpec, Document, Edge } from '@/api/gen'

export type { Component, ComponentSpec, Document, Edge }
export type Kind = Component['kind']

export const DEFAULT_PORT = '_default'

/** The catalogue, looked up by kind and type. */
export class SpecIndex {
  private readonly specs = new Map<string, ComponentSpec>()
  readonly all: readonly ComponentSpec[]

  constructor(catalogue: Catalogue) {
    this.all = catalogue.components
    for (const spec of catalogue.components) this.specs.set(`${spec.kind}/${spec.type}`, spec)
  }

  get(component: { kind: Kind; type: string }): ComponentSpec | undefined {
    return this.specs.get(`${component.kind}/${component.type}`)
  }
}

/** The identity of an edge, as one string. */
export function edgeKey(edge: Edge): string {
  return `${edge.source}.${edge.port}>${edge.target}`
}

/** A document with nothing in it. */
export function emptyDocument(): Document {
  return { format: 1, components: [], edges: [], layout: {}, globals: {}, enrichment_tables: {}, tests: [], variables: {} }
}
