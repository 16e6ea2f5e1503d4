// What the vault's pages show: one thing of each kind and state, with hostile text where people write.
import { newId } from './data.mjs'

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString()
const HOSTILE = '<img src=x onerror=alert(1)> \u001b[31m =cmd'

export function secret(name, more = {}) {
  return {
    id: newId(), name, version: 1, created_at: ago(9e5), updated_at: ago(4e4), value_set_at: ago(4e4), state: 'ok', description: '', expires_at: null,
    rotate_days: null, limits: { types: [], paths: [], hosts: [] }, outside: null, used_by: [], etag: '"s"', ...more,
  }
}

const variables = [
  { name: 'region', type: 'string', value: 'eu-central-1', sensitive: false, description: HOSTILE },
  { name: 'batch_size', type: 'bytes', value: '2MiB', sensitive: false, description: 'How much a request holds' },
  { name: 'hosts', type: 'list', value: ['a.example.com', 'b.example.com', 'c.example.com'], sensitive: false, description: '' },
  { name: 'tenant_key', type: 'string', value: null, sensitive: true, description: '' },
].map((each) => ({ id: newId(), ...each, version: 1, created_at: ago(9e5), updated_at: ago(7e3), updated_by: 'Demo Owner', used_by: [], etag: '"v"' }))

const one = (subject, issuer, names, authority) => ({
  subject, issuer, names, serial: '7a01', not_before: ago(8e6), not_after: ago(-2e7), key: 'EC secp256r1', fingerprint: '3f'.repeat(32), authority,
})
const certificates = [
  { name: 'ingress', state: 'ok', has_key: true, chain: 'complete', certificates: [one('CN=logs.example.com', 'CN=Example CA', ['logs.example.com', '*.logs.example.com'], false), one('CN=Example CA', 'CN=Example CA', [], true)], not_after: ago(-2e7) },
  { name: 'legacy', state: 'due', has_key: true, chain: 'open', certificates: [one('CN=old.example.com', 'CN=Example CA', ['old.example.com'], false)], not_after: ago(-4e5) },
  { name: 'company-roots', state: 'expired', has_key: false, chain: 'bundle', certificates: [one(`CN=${HOSTILE}`, 'CN=Root A', [], true)], not_after: ago(3e5) },
].map((each) => ({ id: newId(), description: '', version: 2, not_before: ago(8e6), sha256: 'cd'.repeat(32), created_at: ago(9e5), updated_at: ago(7e3), uploaded_by: 'Demo Owner', used_by: [], etag: '"c"', ...each }))

const files = [
  { name: 'assets', size: 48_200_000, format: 'csv', detail: '4 columns: id, owner, site, tier' },
  { name: 'countries', size: 6_120_000, format: 'mmdb', detail: 'a MaxMind database' },
].map((each) => ({ id: newId(), description: '', version: 3, sha256: 'ef'.repeat(32), created_at: ago(9e5), updated_at: ago(7e3), uploaded_by: 'Demo Owner', used_by: [], etag: '"f"', ...each }))

const stores = [
  { name: 'corp-vault', resolve: 'server', vault: { address: 'https://vault.example.com:8200', mount: 'secret', namespace: '', ca_pem: '' }, aws: null, last_error: '', last_used_at: ago(20) },
  { name: 'cloud', resolve: 'server', vault: null, aws: { region: 'eu-central-1', endpoint: '', secret_id: '' }, last_error: 'the store cloud did not give it. AWS does not let the access key read this secret.', last_used_at: ago(30) },
  { name: 'own-identity', resolve: 'node', vault: null, aws: { region: 'eu-central-1', endpoint: '', secret_id: 'prod/keys' }, last_error: '', last_used_at: null },
].map((each) => ({ id: newId(), created_at: ago(9e5), updated_at: ago(7e3), etag: '"t"', ...each }))

const place = { secret: 'receiver_token', component_type: 'sink:http', option_path: 'auth.token' }
const destinations = () => [200, {
  approved: [{ id: newId(), ...place, destination: 'https://logs.example.com', approved_how: 'first-use', approved_by: 'Demo Owner', approved_at: ago(9e5) }],
  waiting: [
    { ...place, destination: 'https://new.example.net:8443', pipeline_id: newId(), pipeline_name: 'Access log', yours: false },
    { ...place, destination: 'https://mine.example.org', pipeline_id: newId(), pipeline_name: 'Access log', yours: true },
  ],
}]

export const vaultRoutes = (E, list) => [
  ['GET', `${E}/secret-destinations`, destinations],
  ['POST', `${E}/secret-destinations`, () => [204, null]],
  ['GET', `${E}/secrets/:id/versions`, () => [200, { items: [{ version: 2, created_at: ago(4e4), created_by: 'Demo Owner' }, { version: 1, created_at: ago(9e5), created_by: 'Demo Owner' }] }]],
  ['GET', `${E}/variables`, () => list(variables)],
  ['GET', `${E}/certificates`, () => list(certificates)],
  ['GET', `${E}/lookup-files`, () => [200, { items: files, next_cursor: null, most_bytes: 52_428_800 }]],
  ['GET', `${E}/secret-stores`, () => [200, { items: stores }]],
]
