import { describe, expect, it } from 'vitest'
import type * as api from '@/api/gen'
import type { ComponentSpec, Document } from './types'
import { DEFAULT_PORT, edgeKey, emptyDocument, SpecIndex } from './types'
import { connectionRefusal, reachable } from './connect'
import { addAfter, addBefore, addFree, addOnEdge, fitsAfter, fitsBefore, fitsOnEdge, insertOnEdge } from './insert'
import { columnLayout, depths, withPlaces } from './layout'
import { duplicate } from './duplicate'
import { addComponent, freeId, idRefusal, removeComponents, renameComponent, renamePort } from './operations'
import { portsOf } from './ports'

const spec = (kind: ComponentSpec['kind'], type: string, extra: Partial<ComponentSpec> = {}): ComponentSpec => ({
  type,
  kind,
  title: type,
  help: '',
  status: 'stable',
  category: 'test',
  input_types: kind === 'source' ? [] : ['log'],
  output_types: kind === 'sink' ? [] : ['log'],
  ports: kind === 'sink' ? 'none' : 'default',
  options: {},
  ...extra,
})
const FILE = spec('source', 'file', { options: { include: { type: 'array', required: true }, mode: { type: 'string', required: true, default: 'x' } } })
const SERVER = spec('source', 'http_server', { aliases: ['http'] })
const METRICS = spec('source', 'internal_metrics', { output_types: ['metric'] })
const FILTER = spec('transform', 'filter', { input_types: ['log', 'metric', 'trace'], output_types: ['log', 'metric', 'trace'] })
const ROUTE = spec('transform', 'route', { ports: 'route' })
const CONSOLE = spec('sink', 'console')
const specs = new SpecIndex({ components: [FILE, SERVER, METRICS, FILTER, ROUTE, CONSOLE] as api.ComponentSpec[] })

function chain() {
  let document = emptyDocument()
  for (const each of [FILE, FILTER, CONSOLE]) [document] = addComponent(document, each, { x: 0, y: 0 })
  const edges = [
    { source: 'file', port: DEFAULT_PORT, target: 'filter' },
    { source: 'filter', port: DEFAULT_PORT, target: 'console' },
  ]
  return { ...document, edges }
}

describe('a new component', () => {
  it('begins with the defaults of what is required, and with JSON where a format has to be chosen', () => {
    const codec: api.OptionSpec = { type: 'string', required: true, enum: ['avro', 'json', 'text'] }
    const options: Record<string, api.OptionSpec> = {
      avro: { type: 'object', required: true, relevant_when: 'codec = "avro"', options: { schema: { type: 'string', required: true, default: 's' } } },
      encoding: { type: 'object', required: true, options: { codec, metric_tag_values: { type: 'string', default: 'single' } } },
      method: { type: 'string', enum: ['get', 'post'], default: 'post' },
      mode: { type: 'string', required: true, default: 'x' },
      protocol: { type: 'object', required: true, options: { encoding: { type: 'object', required: true, options: { codec } } } },
      uri: { type: 'string', required: true },
    }
    const [document] = addComponent(emptyDocument(), spec('sink', 'http', { options }), { x: 0, y: 0 })
    expect(document.components[0]?.options).toEqual({ encoding: { codec: 'json' }, mode: 'x' })
  })
})

describe('connections', () => {
  const ask = (source: string, target: string, port = DEFAULT_PORT, document = chain()) =>
    connectionRefusal(document, specs, { source, port, target })

  it('may be drawn where types meet', () => {
    expect(ask('file', 'console')).toBeNull()
  })
  it('are refused with the reason', () => {
    expect(ask('filter', 'filter')).toMatch(/itself/)
    expect(ask('console', 'filter')).toMatch(/no output/)
    expect(ask('filter', 'file')).toMatch(/no input/)
    expect(ask('file', 'filter')).toMatch(/already/)
    expect(ask('file', 'console', 'errors')).toMatch(/no output named errors/)
    expect(ask('file', 'nowhere')).toMatch(/exist/)
  })
  it('never make a cycle, however long', () => {
    const [document, id] = addAfter(chain(), { source: 'filter', port: DEFAULT_PORT }, FILTER)
    expect(reachable(document, 'filter').has(id)).toBe(true)
    expect(ask(id, 'filter', DEFAULT_PORT, document)).toMatch(/cycle/)
  })
  it('are refused between disjoint kinds of event', () => {
    const [document, id] = addComponent(chain(), METRICS, { x: 0, y: 0 })
    expect(ask(id, 'console', DEFAULT_PORT, document)).toMatch(/takes log.*carries metric/)
  })
})

describe('ports', () => {
  const component = (type: string, options: Record<string, unknown>) => ({ id: 'x', kind: 'transform' as const, type, options, enabled: true, comment: '' })
  const names = (ports: string, options: Record<string, unknown>) =>
    portsOf(component('t', options), spec('transform', 't', { ports })).map((port) => port.name)

  it('follow from the options', () => {
    expect(names('route', { route: { errors: '.a', slow: '.b' } })).toEqual(['errors', 'slow', '_unmatched'])
    expect(names('route', { route: { errors: '.a' }, reroute_unmatched: false })).toEqual(['errors'])
    expect(names('exclusive_route', { routes: [{ name: 'a' }, { condition: '' }, 4] })).toEqual(['a', '_unmatched'])
    expect(names('remap', {})).toEqual([DEFAULT_PORT])
    expect(names('remap', { reroute_dropped: true })).toEqual([DEFAULT_PORT, 'dropped'])
  })
  it('are one per signal where a source splits them', () => {
    const otel = spec('source', 'opentelemetry', { ports: 'opentelemetry', output_types: ['log', 'metric', 'trace'] })
    expect(portsOf({ id: 'o', kind: 'source', type: 'opentelemetry', options: {}, enabled: true, comment: '' }, otel)).toEqual([
      { name: 'logs', types: ['log'] },
      { name: 'metrics', types: ['metric'] },
      { name: 'traces', types: ['trace'] },
    ])
  })
})

describe('inserting', () => {
  it('puts a transform between two components in one step, and keeps the order of inputs', () => {
    const before = { ...chain(), edges: [...chain().edges, { source: 'file', port: DEFAULT_PORT, target: 'console' }] }
    const key = edgeKey(before.edges[1] ?? { source: '', port: '', target: '' })
    const [after, id] = addOnEdge(before, specs, key, FILTER)
    expect(id).toBe('filter_2')
    expect(after.edges.map(edgeKey)).toEqual([
      'file._default>filter',
      'filter._default>filter_2',
      'filter_2._default>console',
      'file._default>console',
    ])
  })
  it('goes on with the first named output of a route', () => {
    const document = { ...chain(), components: [...chain().components, { id: 'split', kind: 'transform' as const, type: 'route', options: { route: { a: 'true' } }, enabled: true, comment: '' }] }
    const after = insertOnEdge(document, specs, 'filter._default>console', 'split')
    expect(after.edges.map(edgeKey)).toContain('split.a>console')
  })
  it('leaves the document alone when the edge is gone or the component is no transform', () => {
    const document = chain()
    expect(insertOnEdge(document, specs, 'gone', 'filter')).toBe(document)
    expect(insertOnEdge(document, specs, 'file._default>filter', 'console')).toBe(document)
  })
  it('knows what fits', () => {
    const [edge] = chain().edges
    if (edge === undefined) throw new Error('no edge')
    expect(fitsOnEdge(chain(), specs, FILTER, edge)).toBe(true)
    expect(fitsOnEdge(chain(), specs, CONSOLE, edge)).toBe(false)
    expect(fitsOnEdge(chain(), specs, spec('transform', 'm', { input_types: ['metric'] }), edge)).toBe(false)
  })
  it('finds free places', () => {
    let document = emptyDocument()
    ;[document] = addFree(document, FILE)
    ;[document] = addFree(document, FILE)
    expect(new Set(Object.values(document.layout ?? {}).map((at) => `${at.x},${at.y}`)).size).toBe(2)
  })
})

describe('changing', () => {
  it('renames edges, places and tests with the component', () => {
    const document = {
      ...chain(),
      tests: [{ name: 'filter', inputs: [{ insert_at: 'filter' }], outputs: [{ extract_from: ['filter.x', 'filters'] }] }],
    }
    const after = renameComponent(document, 'filter', 'keep')
    expect(after.edges.map(edgeKey)).toEqual(['file._default>keep', 'keep._default>console'])
    expect(Object.keys(after.layout ?? {})).toEqual(['file', 'keep', 'console'])
    expect(after.tests).toEqual([
      { name: 'filter', inputs: [{ insert_at: 'keep' }], outputs: [{ extract_from: ['keep.x', 'filters'] }] },
    ])
  })
  it('renames an output on its edges only', () => {
    const document = { ...chain(), edges: [{ source: 'filter', port: 'a', target: 'console' }, { source: 'file', port: 'a', target: 'filter' }] }
    expect(renamePort(document, 'filter', 'a', 'b').edges.map((edge) => edge.port)).toEqual(['b', 'a'])
  })
  it('removes what hangs on a component', () => {
    const after = removeComponents(chain(), new Set(['filter']))
    expect(after.edges).toEqual([])
    expect(after.layout).not.toHaveProperty('filter')
  })
  it('copies inner edges', () => {
    const [after, ids] = duplicate(chain(), new Set(['file', 'filter']))
    expect(ids).toEqual(['file_copy', 'filter_copy'])
    expect(after.edges.map(edgeKey)).toContain('file_copy._default>filter_copy')
  })
  it('starts a component with its required defaults', () => {
    const [after] = addComponent(emptyDocument(), FILE, { x: 0.4, y: 1.6 })
    expect(after.components[0]?.options).toEqual({ mode: 'x' })
    expect(after.layout?.file).toEqual({ x: 0, y: 2 })
  })
  it('refuses bad ids', () => {
    expect(idRefusal(chain(), '9a')).toBe('form')
    expect(idRefusal(chain(), 'a.b')).toBe('form')
    expect(idRefusal(chain(), 'vf_x')).toBe('reserved')
    expect(idRefusal(chain(), '_default')).toBe('reserved')
    expect(idRefusal(chain(), 'file')).toBe('taken')
    expect(idRefusal(chain(), 'file', 'file')).toBeNull()
    expect(freeId(chain(), 'file')).toBe('file_2')
  })
})

describe('layout', () => {
  it('goes left to right and survives a cycle', () => {
    const document = { ...chain(), edges: [...chain().edges, { source: 'console', port: DEFAULT_PORT, target: 'file' }] }
    expect(depths(chain())).toEqual(new Map([['file', 0], ['filter', 1], ['console', 2]]))
    expect(Object.keys(columnLayout(document))).toHaveLength(3)
  })
  it('keeps the places that exist', () => {
    const document = { ...chain(), layout: { filter: { x: 7, y: 9 } } }
    expect(withPlaces(document).layout?.filter).toEqual({ x: 7, y: 9 })
    expect(withPlaces(document).layout?.console).toEqual({ x: 560, y: 0 })
    expect(withPlaces(chain())).toEqual(chain())
  })
})

describe('adding at the end of a connection', () => {
  it('makes an edge of nothing but its ends, whatever else the place says', () => {
    const document: Document = { ...emptyDocument(), components: [{ id: 'in', kind: 'source', type: 'file', options: {}, enabled: true, comment: '' }], layout: { in: { x: 0, y: 0 } } }
    const place = { kind: 'after', source: 'in', port: DEFAULT_PORT, at: { x: 9, y: 9 } }
    const [after, id] = addAfter(document, place, FILTER, place.at)
    expect(after.edges).toEqual([{ source: 'in', port: DEFAULT_PORT, target: id }])
    expect(after.layout[id]).toEqual({ x: 9, y: 9 })
  })
  it('puts what feeds a component before it, and offers only what can', () => {
    const document: Document = { ...emptyDocument(), components: [{ id: 'out', kind: 'sink', type: 'console', options: {}, enabled: true, comment: '' }], layout: { out: { x: 300, y: 0 } } }
    const [before, id] = addBefore(document, specs, 'out', FILTER)
    expect(before.edges).toEqual([{ source: id, port: DEFAULT_PORT, target: 'out' }])
    expect(fitsBefore(document, specs, METRICS, 'out')).toBe(false)
    expect(fitsBefore(document, specs, FILE, 'out')).toBe(true)
    expect(fitsAfter(before, specs, CONSOLE, { source: id, port: DEFAULT_PORT })).toBe(true)
  })
})

it('knows a type by another name of it', () => {
  expect(specs.get({ kind: 'source', type: 'http' })?.type).toBe('http_server')
  expect(specs.get({ kind: 'sink', type: 'http' })).toBeUndefined()
})
