import type * as api from '@/api/gen'

export type Kind = api.Component['kind']
export type Edge = Required<api.Edge>
export type Component = Omit<api.Component, 'options' | 'enabled' | 'comment'> & {
  options: Record<string, unknown>
  enabled: boolean
  comment: string
}
/** A document in which nothing is left out, so that no reader must think of absent parts. */
export type Document = Required<Omit<api.Document, 'components' | 'edges'>> & {
  components: Component[]
  edges: Edge[]
}
export type ComponentSpec = Omit<api.ComponentSpec, 'options' | 'input_types' | 'output_types' | 'ports'> & {
  options: Record<string, api.OptionSpec>
  input_types: string[]
  output_types: string[]
  ports: string
}

export const DEFAULT_PORT = '_default'

function wholeSpec(spec: api.ComponentSpec): ComponentSpec {
  const { options = {}, input_types = [], output_types = [], ports = 'default' } = spec
  return { ...spec, options, input_types, output_types, ports }
}

/** The catalogue, looked up by kind and type, or another name of the type. */
export class SpecIndex {
  private readonly specs = new Map<string, ComponentSpec>()
  readonly all: readonly ComponentSpec[]
  /** The settings of a whole pipeline. */
  readonly root: Record<string, api.OptionSpec>

  constructor(catalogue: Pick<api.Catalogue, 'components'> & Partial<Pick<api.Catalogue, 'root'>>) {
    this.root = catalogue.root ?? {}
    this.all = catalogue.components.map(wholeSpec)
    for (const spec of this.all) for (const type of [...(spec.aliases ?? []), spec.type]) this.specs.set(`${spec.kind}/${type}`, spec)
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
  return { format: 1, components: [], edges: [], layout: {}, globals: {}, enrichment_tables: {}, tests: [], comments: {}, variables: {}, selector: '', groups: {} }
}

/** A document of the API with what it leaves out filled in. */
export function wholeDocument(document: api.Document): Document {
  return {
    ...emptyDocument(),
    ...document,
    components: (document.components ?? []).map(({ options = {}, enabled = true, comment = '', ...rest }) => ({
      ...rest,
      options,
      enabled,
      comment,
    })),
    edges: (document.edges ?? []).map(({ port = DEFAULT_PORT, ...rest }) => ({ ...rest, port })),
  }
}
