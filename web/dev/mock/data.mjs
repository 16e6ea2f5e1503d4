// What the in-memory server begins with: the demo pipeline, a few nodes in every state, hostile strings.
const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString()
let counter = 0
export const newId = () => `0199a000-0000-7000-8000-${String((counter += 1)).padStart(12, '0')}`
export { ago }

export const HOSTILE = `<img src=x onerror=alert(1)>'"; drop table x; =cmd|' /C calc'!A0`

const component = (id, kind, type, options) => ({ id, kind, type, options, enabled: true, comment: '' })

export const demoDocument = {
  format: 1,
  components: [
    component('access_log', 'source', 'file', { include: ['/var/log/vectorflow/access.log'], read_from: 'beginning' }),
    component('parse', 'transform', 'remap', {
      source: '. = parse_json!(.message)\n.slow = to_float!(.duration_ms) > 250 # worth a look\n.path = replace(string!(.path), r\'[0-9]+\', "n")',
      drop_on_error: true,
      reroute_dropped: true,
    }),
    component('split', 'transform', 'route', { route: { errors: '.status >= 500', slow: '.slow == true' } }),
    component('to_file', 'sink', 'file', {
      path: '/var/log/vectorflow/errors-%Y-%m-%d.log',
      encoding: { codec: 'json' },
    }),
    component('to_receiver', 'sink', 'http', {
      uri: 'http://127.0.0.1:8088/events',
      method: 'post',
      encoding: { codec: 'json' },
      auth: { strategy: 'bearer', token: 'SECRET[receiver_token]' },
    }),
    component('unparsed', 'sink', 'console', { encoding: { codec: 'text' }, target: 'stderr', colour: 'yes' }),
  ],
  edges: [
    { source: 'access_log', port: '_default', target: 'parse' },
    { source: 'parse', port: '_default', target: 'split' },
    { source: 'split', port: 'errors', target: 'to_file' },
    { source: 'split', port: 'slow', target: 'to_file' },
    { source: 'split', port: '_unmatched', target: 'to_receiver' },
    { source: 'parse', port: 'dropped', target: 'unparsed' },
  ],
  layout: {
    access_log: { x: 0, y: 120 },
    parse: { x: 300, y: 110 },
    split: { x: 620, y: 20 },
    to_file: { x: 960, y: -20 },
    to_receiver: { x: 960, y: 120 },
    unparsed: { x: 960, y: 260 },
  },
  globals: {},
  enrichment_tables: {},
  tests: [],
  variables: {},
}

export const emptyDocument = { format: 1, components: [], edges: [], layout: {}, globals: {}, enrichment_tables: {}, tests: [], variables: {} }

function node(name, status, reasons, seen, extra = {}) {
  return {
    id: newId(),
    name,
    hostname: `${name}.internal`,
    status,
    reasons,
    last_seen_at: seen === null ? null : ago(seen),
    agent_version: '0.1.0',
    engine: { kind: 'vector', version: '0.57.0' },
    platform: 'linux x86_64',
    labels: { region: 'eu', role: 'web' },
    pipelines_running: status === 'healthy' ? 1 : 0,
    pipelines_assigned: status === 'pending' ? 0 : 1,
    rates: status === 'healthy' ? { received: 128.4, sent: 127.9, errors: 0 } : null,
    etag: '"n1"',
    ...extra,
  }
}

export const nodes = [
  node('web-1', 'healthy', [], 4),
  node('web-2', 'degraded', ['The engine of Access log was restarted 3 times in 10 minutes'], 9),
  node('web-3', 'unreachable', ['Not heard for 6 minutes'], 365),
  node('edge-1', 'pending', [], null, { agent_version: null, engine: null, rates: null }),
  node(HOSTILE, 'healthy', [], 2, { hostname: HOSTILE, engine: { kind: 'embedded', version: '0.1.0' } }),
  ...Array.from({ length: 120 }, (_, index) => node(`batch-${index + 1}`, 'healthy', [], 3 + (index % 9))),
]
