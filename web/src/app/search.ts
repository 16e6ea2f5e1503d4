// What stands in addresses: the words and the types of search parameters.

/** A text that is not empty, else nothing. */
export const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** The states that a node can be in, in the order of the filter. */
export const NODE_STATUSES = [
  'healthy',
  'degraded',
  'unreachable',
  'stale',
  'pending',
  'waiting',
  'leaving',
  'decommissioned',
  'rejected',
  'revoked',
] as const
export type NodeStatus = (typeof NODE_STATUSES)[number]

/** Why a node is degraded: the words that the server knows. */
export const NODE_REASONS = ['crash_loop', 'refused', 'stale', 'clock', 'behind', 'clone'] as const
export type NodeReason = (typeof NODE_REASONS)[number]

/** What the list of nodes is filtered by; it stands in the address. */
export type NodeSearch = {
  q?: string
  status?: NodeStatus
  reason?: NodeReason
  group?: string
  selector?: string
  version?: string
  maintenance?: boolean
  duplicates?: boolean
}

/** The filters of the list of nodes, of what stands in the address. */
export function nodeSearch(search: Record<string, unknown>): NodeSearch {
  return {
    q: text(search.q),
    status: NODE_STATUSES.find((status) => status === search.status),
    reason: NODE_REASONS.find((reason) => reason === search.reason),
    group: text(search.group),
    selector: text(search.selector),
    version: text(search.version),
    maintenance: search.maintenance === true ? true : undefined,
    duplicates: search.duplicates === true ? true : undefined,
  }
}

/** The states of a node in a rollout, in the order in which a rollout goes through them. */
export const ROLLOUT_NODE_STATES = ['waiting', 'assigned', 'applied', 'refused', 'crashed', 'silent', 'kept'] as const
export type RolloutNodeState = (typeof ROLLOUT_NODE_STATES)[number]

/** Which nodes of a rollout are shown. */
export type RolloutSearch = { state?: RolloutNodeState; batch?: number }

/** The filters of a rollout's nodes, of what stands in the address. */
export function rolloutSearch(search: Record<string, unknown>): RolloutSearch {
  return { state: ROLLOUT_NODE_STATES.find((state) => state === search.state), batch: counted(search.batch) }
}

/** The tabs of the vault. */
export const VAULT_TABS = ['secrets', 'variables', 'certificates', 'files', 'stores'] as const
export type VaultTab = (typeof VAULT_TABS)[number]

export type EditorPane = 'yaml' | 'outline' | 'findings' | 'tests' | 'settings'

/** The filters of the log, and the record that is open. Days are written as 2026-01-31. */
export type AuditSearch = {
  q?: string
  actor?: string
  action?: string
  type?: string
  object?: string
  from?: string
  to?: string
  record?: number
}

/** What an import leads into, and the Vector of a node whose files are read, if any. */
export type ImportSearch = { into?: string; node?: string; vector?: string }

/** The dialogs that an address can open. Where one is about a row, `of` names the row. */
export const DIALOGS = [
  'alert-channel',
  'alert-rule',
  'capture',
  'certificate',
  'certificate-upload',
  'export',
  'filing',
  'group',
  'labels',
  'log-level',
  'lookup-file',
  'maintenance',
  'new-pipeline',
  'own-key',
  'own-key-proof',
  'rule',
  'save-filter',
  'save-template',
  'secret',
  'secret-rules',
  'store',
  'tap',
  'token',
  'update',
  'variable',
] as const
export type DialogName = (typeof DIALOGS)[number]
/** `view` is how the events of a tap are shown: as trees, or as a table. */
export type DialogSearch = { dialog?: DialogName; of?: string; view?: 'table' }

/** The dialog that is open, of what stands in the address; what names none is left out. */
export function dialogSearch(search: Record<string, unknown>): DialogSearch {
  const dialog = DIALOGS.find((each) => each === search.dialog)
  const of = text(search.of)
  // About a row that cannot be: what opens would be a form for a new one.
  if (dialog === undefined || (of === undefined && search.of !== undefined)) return { dialog: undefined, of: undefined, view: undefined }
  return { dialog, of, view: search.view === 'table' ? 'table' : undefined }
}

/** The charts, as the address names those that are shown as tables. */
export const CHARTS = ['events', 'errors', 'component-events', 'component-errors', 'times', 'busy', 'processor', 'memory', 'disk', 'network'] as const
export type ChartName = (typeof CHARTS)[number]
export type ChartSearch = { tables?: string }

/** Which charts of a page are shown as tables: their names, separated by commas. */
export function chartSearch(search: Record<string, unknown>): ChartSearch {
  const named = text(search.tables)?.split(',') ?? []
  const tables = CHARTS.filter((each) => named.includes(each)).join(',')
  return { tables: text(tables) }
}

const whole = (value: unknown) => (typeof value === 'number' && Number.isInteger(value) ? value : undefined)
const counted = (value: unknown) => (typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined)
const day = (value: unknown) => (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined)

/** Reads the address of the editor: what is selected, the open pane, the line it shows, and what is to be restored. */
export function editorSearch(search: Record<string, unknown>): { component?: string; pane?: EditorPane; line?: number; at?: string; restore?: number } {
  return {
    component: text(search.component),
    pane: (['yaml', 'outline', 'findings', 'tests', 'settings'] as const).find((pane) => pane === search.pane),
    line: counted(search.line),
    at: text(search.at),
    restore: counted(search.restore),
  }
}

/** Reads the address of the audit log. */
export function auditSearch(search: Record<string, unknown>): AuditSearch {
  return {
    q: text(search.q),
    actor: text(search.actor),
    action: text(search.action),
    type: text(search.type),
    object: text(search.object),
    from: day(search.from),
    to: day(search.to),
    record: whole(search.record),
  }
}
