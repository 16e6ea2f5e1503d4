// The calls of the public API that the pages make, over plain objects.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { check, compile, ratesOf } from './answers.mjs'
import { ago, demoDocument, emptyDocument, HOSTILE, newId, nodes } from './data.mjs'
import { secret, vaultRoutes } from './vault.mjs'

const API = '/api/v1'
const E = `${API}/orgs/:org/environments/:env`
const PERMISSIONS = ['pipeline.read', 'pipeline.edit', 'pipeline.deploy', 'revision.read', 'rollout.read', 'rollout.control', 'node.read', 'node.manage', 'enrolment.manage', 'secret.read', 'secret.write', 'variable.read', 'variable.write', 'certificate.read', 'certificate.write', 'lookup-file.read', 'lookup-file.write', 'telemetry.read']
const account = { id: newId(), email: 'owner@example.org', name: 'Demo Owner' }
const session = { account, csrf_token: 'csrf', expires_at: ago(-86400), organizations: [{ id: newId(), slug: 'demo', name: 'Demo', role: 'OWNER' }] }
const team = { id: newId(), slug: 'core', name: 'Core' }
const environments = ['Staging', 'Production'].map((name, position) => ({ id: newId(), slug: name.toLowerCase(), name, team, position, permissions: PERMISSIONS }))
const problem = (status, type, title, detail, errors) => [status, { type: `urn:vectorflow:problem:${type}`, title, status, detail, id: newId(), ...(errors ? { errors } : {}) }]
const missing = () => problem(404, 'platform.not-found', 'Not found', 'There is nothing here, or you may not see it.')
const list = (items) => [200, { items, next_cursor: null }]

const COOKIE = 'vf_session=mock'
const pipelines = new Map()
const rollouts = new Map()
const tokens = []
const secrets = [secret('receiver_token', { description: 'Of the log receiver' }), secret('loki_password', { version: 2, state: 'due', rotate_days: 90 }), secret('old_key', { state: 'expired', expires_at: ago(9e4) })]

function pipeline(name, description, document, deployed) {
  const id = newId()
  const value = { id, name, description, component_count: document.components.length, draft_version: 1, updated_at: ago(7200), updated_by: 'Demo Owner', deployed, draft_changed: false, outdated: [], folder: '', tags: [], document, etag: '"1"', revisions: [] }
  pipelines.set(id, value)
  if (deployed) addRevision(value, 'First form')
  return value
}
function addRevision(value, message) {
  const number = value.revisions.length + 1
  const yaml = compile(value.document)
  value.revisions.unshift({ number, sha256: 'ab'.repeat(30) + String(number).padStart(4, '0'), message, created_at: new Date().toISOString(), created_by: 'Demo Owner', component_count: value.document.components.length, yaml, document: value.document })
  return number
}
const demo = pipeline('Access log', 'The server’s own access log, parsed and split', demoDocument, { revision: 1, nodes_assigned: 2, nodes_running: 2, state: 'running' })
pipeline('Audit shipping', '', emptyDocument, null)
pipeline(HOSTILE, HOSTILE, emptyDocument, null)
secrets[0].used_by = [{ pipeline_id: demo.id, name: demo.name }]

const summary = ({ document: _document, revisions: _revisions, ...rest }) => rest
const full = ({ revisions: _revisions, ...rest }) => rest
const owned = (handler) => (call) => {
  const value = pipelines.get(call.path.id)
  return value === undefined ? missing() : handler(value, call)
}

function diff(before, after) {
  const a = new Map((before?.components ?? []).map((each) => [each.id, each]))
  const b = new Map(after.components.map((each) => [each.id, each]))
  const changes = []
  const push = (kind, what, component, path, x, y) => changes.push({ kind, what, component, path, before: x, after: y })
  for (const id of b.keys()) if (!a.has(id)) push('added', 'component', id, [], null, null)
  for (const id of a.keys()) if (!b.has(id)) push('removed', 'component', id, [], null, null)
  for (const [id, each] of b) {
    const old = a.get(id)
    if (old && JSON.stringify(old.options) !== JSON.stringify(each.options)) push('changed', 'option', id, [], JSON.stringify(old.options), JSON.stringify(each.options))
  }
  const text = compile(after).split('\n').map((line) => `+${line}`).join('\n')
  return { text, changes }
}

function versionDocument(value, version) {
  if (version === 'draft') return value.document
  return value.revisions.find((each) => String(each.number) === version)?.document ?? emptyDocument
}

function makeRollout(value, revision, message, batchSize) {
  const id = newId()
  const targets = nodes.slice(0, 3)
  const rollout = {
    id, pipeline: { id: value.id, name: value.name }, revision, previous_revision: value.deployed?.revision ?? null, message, state: 'running', reason: null,
    created_at: new Date().toISOString(), created_by: 'Demo Owner', batch_size: batchSize, batches_done: 0,
    timeout_seconds: 60, watch_seconds: 10, selector: '', group_id: null, finished_at: null,
    nodes: targets.map((node, index) => ({ id: node.id, name: node.name, batch: batchSize === null || index < batchSize ? 1 : 2, state: index === 0 ? 'assigned' : 'waiting', revision: null, report: null })),
  }
  rollouts.set(id, rollout)
  setTimeout(() => {
    Object.assign(rollout.nodes[0], { state: 'applied', revision, report: { kind: 'applied', at: new Date().toISOString(), message: 'The new engine is healthy; the old one was retired.', engine_output: [] } })
    value.deployed = { revision, nodes_assigned: 2, nodes_running: 2, state: 'running' }
    value.draft_changed = false
  }, 1500)
  setTimeout(() => {
    Object.assign(rollout.nodes[1], { state: 'refused', revision: 1, report: { kind: 'refused', at: new Date().toISOString(), message: 'The engine refused the configuration.', engine_output: ['x Configuration error. error=unknown field `colour`, expected one of `encoding`, `target`', '  in `sinks.unparsed`'] } })
    rollout.state = 'halted'
    rollout.reason = 'Halted: web-2 refused the revision.'
  }, 2500)
  return rollout
}
const STATES = ['waiting', 'assigned', 'applied', 'refused', 'crashed', 'silent', 'kept']
const countsOf = (nodes) => Object.fromEntries(STATES.map((state) => [state, nodes.filter((node) => node.state === state).length]))
const shownRollout = ({ nodes, ...rollout }) => ({
  ...rollout,
  counts: countsOf(nodes),
  batches: [...new Set(nodes.map((node) => node.batch))].map((batch) => ({ batch, counts: countsOf(nodes.filter((node) => node.batch === batch)) })),
})
const nodesOf = ({ nodes }, query) => {
  const [states, batch] = [query.getAll('state'), query.get('batch')]
  return list(nodes.filter((node) => (states.length === 0 || states.includes(node.state)) && (batch === null || String(node.batch) === batch)))
}
const control = (state) => ({ path }) => {
  const rollout = rollouts.get(path.id)
  if (rollout === undefined) return missing()
  rollout.state = state
  return [200, shownRollout(rollout)]
}

function events({ query, request, response }) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const topics = query.get('topics').split(',')
  const tick = () => {
    for (const topic of topics) {
      const [kind, id] = topic.split(':')
      const value = pipelines.get(id)
      const data = kind === 'rates' && value ? ratesOf(id, value.document) : { topic, id }
      response.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)
    }
  }
  tick()
  const timer = setInterval(tick, 2000)
  request.on('close', () => clearInterval(timer))
}

const catalogue = process.env.VECTORFLOW_CATALOGUE ? JSON.parse(readFileSync(process.env.VECTORFLOW_CATALOGUE, 'utf8')) : []
const detail = (node) => ({
  ...node,
  facts: { kernel: '6.1.0', cpus: 2, note: HOSTILE },
  host: { cpu_percent: 23.4, memory_used_bytes: 3.1e9, memory_total_bytes: 8.2e9, disk_free_bytes: 51e9, load1: 0.41 },
  assignments: [{ pipeline: { id: demo.id, name: demo.name }, revision: 2, desired: 'run', actual: { state: 'running', revision: 1, pid: 4211, started_at: ago(5400), restarts: 3, message: 'Revision 2 was refused; revision 1 goes on.' }, difference: { code: 'refused', detail: 'unknown option `encodng`', since: ago(5400) } }],
  reports: [
    { sequence: 12, at: ago(60), kind: 'refused', pipeline_id: demo.id, revision: 2, message: 'The engine refused the configuration.', engine_output: ['x Configuration error. error=unknown field `colour`'] },
    { sequence: 11, at: ago(5400), kind: 'applied', pipeline_id: demo.id, revision: 1, message: 'Running.', engine_output: [] },
  ],
})

const table = [
  ['POST', `${API}/session`, ({ body }) => {
    if (body.password !== 'demo') return problem(401, 'identity.sign-in-failed', 'Sign-in failed', 'The e-mail address or the password is wrong.')
    return [200, session, { 'set-cookie': `${COOKIE}; HttpOnly; SameSite=Lax; Path=/` }]
  }],
  ['GET', `${API}/session`, ({ headers }) => (headers.cookie?.includes(COOKIE) ? [200, session] : problem(401, 'identity.not-signed-in', 'Not signed in', 'Sign in first.'))],
  ['DELETE', `${API}/session`, () => [204, undefined, { 'set-cookie': 'vf_session=; Path=/; Max-Age=0' }]],
  ['GET', `${API}/sessions`, () => list([
    { id: '1', created_at: ago(3600), last_seen_at: ago(3), expires_at: ago(-9e4), user_agent: 'Firefox 146 on Linux', address: '127.0.0.1', current: true },
    { id: '2', created_at: ago(9e5), last_seen_at: ago(86400), expires_at: ago(-9e4), user_agent: HOSTILE, address: '192.0.2.7', current: false },
  ])],
  ['DELETE', `${API}/sessions/:id`, () => [204]],
  ['GET', `${API}/orgs/:org`, ({ path }) => (path.org === 'demo' ? [200, { ...session.organizations[0], state: 'active', suspended_reason: null, deletion_due_at: null, permissions: ['audit.read', 'member.read', 'organization.manage', 'organization.export', 'organization.delete'] }] : missing())],
  ['GET', `${API}/orgs/:org/settings`, () => [200, { ...session.organizations[0], created_at: ago(9e6), suspended_at: null, suspended_reason: null, deletion_requested_at: null, deletion_due_at: null, grace_days: 30 }]],
  ['GET', `${API}/orgs/:org/exports`, () => list([
    { id: '2', state: 'signing', requested_at: ago(20), bytes: 41_000, finished_at: null, expires_at: ago(-86380) },
    { id: '1', state: 'ready', requested_at: ago(4000), bytes: 7_450_112, finished_at: ago(3990), expires_at: ago(-82400) },
  ])],
  ['GET', `${API}/orgs/:org/environments`, () => list(environments)],
  ['GET', `${API}/orgs/:org/audit`, () => list([
    { sequence: 2, at: ago(60), actor: 'Demo Owner', action: 'pipeline.deploy', object_type: 'pipeline', object_id: demo.id, summary: 'Deployed revision 1 of Access log' },
    { sequence: 1, at: ago(600), actor: HOSTILE, action: 'session.create', object_type: null, object_id: null, summary: HOSTILE },
  ])],
  ['GET', `${API}/orgs/:org/events`, events],
  ['GET', `${API}/catalogue`, () => [200, { version: 'mock', components: catalogue, root: {} }]],
  ['GET', `${E}/pipelines`, ({ query, path }) => list(path.env === 'production' ? [] : [...pipelines.values()].filter((each) => each.name.toLowerCase().includes((query.get('q') ?? '').toLowerCase())).map(summary))],
  ['POST', `${E}/pipelines`, ({ body }) => [201, full(pipeline(body.name, body.description ?? '', body.document ?? emptyDocument, null))]],
  ['GET', `${E}/pipelines/:id`, owned((value) => [200, full(value)])],
  ['PUT', `${E}/pipelines/:id`, owned((value, { body, headers }) => {
    if (headers['if-match'] !== value.etag) return problem(412, 'platform.stale-version', 'Changed meanwhile', 'Somebody changed this meanwhile.')
    value.draft_version += 1
    Object.assign(value, body, { etag: `"${value.draft_version}"`, component_count: body.document.components.length, draft_changed: true, updated_at: new Date().toISOString() })
    return [200, full(value)]
  })],
  ['DELETE', `${E}/pipelines/:id`, owned((value) => (value.deployed ? problem(409, 'pipelines.still-deployed', 'Still deployed', 'Stop the pipeline on its nodes first.') : (pipelines.delete(value.id), [204])))],
  ['POST', `${E}/check`, ({ body }) => [200, check(body.document)]],
  ['POST', `${E}/import`, ({ body }) => {
    const found = parse(body.text)
    const components = ['source', 'transform', 'sink'].flatMap((kind) => Object.entries(found?.[`${kind}s`] ?? {}).map(([id, { type, inputs: _inputs, ...options }]) => ({ id, kind, type, options, enabled: true, comment: '' })))
    const edges = ['transforms', 'sinks'].flatMap((kind) => Object.entries(found?.[kind] ?? {}).flatMap(([target, { inputs }]) => (inputs ?? []).map((input) => { const [source, port = '_default'] = input.split('.'); return { source, port, target } })))
    return [200, { documents: [{ name: 'imported', document: { ...emptyDocument, components, edges } }], findings: [] }]
  }],
  ['GET', `${E}/pipelines/:id/revisions`, owned((value) => list(value.revisions))],
  ['GET', `${E}/pipelines/:id/revisions/:number`, owned((value, { path }) => [200, value.revisions.find((each) => String(each.number) === path.number)])],
  ['GET', `${E}/pipelines/:id/diff`, owned((value, { query }) => [200, { from: query.get('from'), to: query.get('to'), ...diff(versionDocument(value, query.get('from')), versionDocument(value, query.get('to'))) }])],
  ['POST', `${E}/pipelines/:id/rollouts`, owned((value, { body, query }) => {
    if (query.get('dry_run') === 'true') {
      const { findings } = check(value.document)
      return [200, { revision: null, findings, ...diff(value.revisions[0]?.document, value.document), nodes: nodes.slice(0, 3).map((node) => ({ id: node.id, name: node.name, current_revision: value.deployed?.revision ?? null })), handover: 'restart' }]
    }
    return [202, shownRollout(makeRollout(value, body.revision ?? addRevision(value, body.message), body.message, body.batch_size))]
  })],
  ['POST', `${E}/pipelines/:id/stop`, owned((value) => { value.deployed = null; return [202, {}] })],
  ['GET', `${E}/pipelines/:id/rates`, owned((value) => [200, ratesOf(value.id, value.document)])],
  ['GET', `${E}/rollouts`, () => list([...rollouts.values()].reverse().map(shownRollout))],
  ['GET', `${E}/rollouts/:id`, ({ path }) => (rollouts.has(path.id) ? [200, shownRollout(rollouts.get(path.id))] : missing())],
  ['GET', `${E}/rollouts/:id/nodes`, ({ path, query }) => (rollouts.has(path.id) ? nodesOf(rollouts.get(path.id), query) : missing())],
  ['POST', `${E}/rollouts/:id/pause`, control('paused')],
  ['POST', `${E}/rollouts/:id/resume`, control('running')],
  ['POST', `${E}/rollouts/:id/cancel`, control('cancelled')],
  ['POST', `${E}/rollouts/:id/rollback`, ({ path }) => [202, shownRollout(makeRollout(demo, rollouts.get(path.id).previous_revision, 'Roll back', null))]],
  ['GET', `${E}/nodes`, ({ query }) => list(nodes.filter((each) => each.name.includes(query.get('q') ?? '') && (query.get('status') ?? each.status) === each.status))],
  ['GET', `${E}/nodes/:id`, ({ path }) => { const node = nodes.find((each) => each.id === path.id); return node ? [200, detail(node)] : missing() }],
  ['DELETE', `${E}/nodes/:id`, ({ path }) => { nodes.find((each) => each.id === path.id).status = 'revoked'; return [204] }],
  ['GET', `${E}/enrolment-tokens`, () => list(tokens)],
  ['POST', `${E}/enrolment-tokens`, ({ body }) => {
    const token = { id: newId(), name: body.name, created_at: new Date().toISOString(), expires_at: ago(-body.expires_in_seconds), uses: 0, max_uses: body.max_uses, labels: body.labels, revoked_at: null, etag: '"1"' }
    tokens.unshift(token)
    return [201, { ...token, token: 'vfe_demo_mock_notarealtoken', install_command: 'curl -fsS http://127.0.0.1:8484/install | sh -s -- --token vfe_demo_mock_notarealtoken' }]
  }],
  ['DELETE', `${E}/enrolment-tokens/:id`, ({ path }) => { tokens.find((each) => each.id === path.id).revoked_at = new Date().toISOString(); return [204] }],
  ...vaultRoutes(E, list),
  ['GET', `${E}/secrets`, () => list(secrets)],
  ['POST', `${E}/secrets`, ({ body }) => { const made = secret(body.name); secrets.push(made); return [201, made] }],
  ['PUT', `${E}/secrets/:id`, ({ path }) => { const found = secrets.find((each) => each.id === path.id); found.version += 1; return [200, found] }],
  ['DELETE', `${E}/secrets/:id`, () => problem(409, 'vault.in-use', 'In use', 'Access log uses this secret.')],
]

export const routes = table.map(([method, pathname, handler]) => [method, new URLPattern({ pathname }), handler])
