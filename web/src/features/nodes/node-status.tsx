import type { Node } from '@/api/gen'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import type { Tone } from '@/ui/badge'
import { StateBadge } from '@/ui/badge'

/** A node's state in words. */
export function statusLabel(status: Node['status']): string {
  const words: Record<Node['status'], string> = {
    healthy: t('Healthy'),
    degraded: t('Degraded'),
    unreachable: t('Unreachable'),
    pending: t('Pending'),
    revoked: t('Revoked'),
    waiting: t('Waits to be admitted'),
    rejected: t('Rejected'),
    stale: t('Stale'),
    leaving: t('Wipe pending'),
    decommissioned: t('Decommissioned'),
  }
  return words[status] ?? status
}

/** Why a node is degraded, in words. */
export function reasonLabel(reason: string): string {
  const words: Record<string, string> = {
    crash_loop: t('a pipeline keeps crashing'),
    refused: t('it refused what was deployed'),
    stale: t('its orders were not renewed'),
    clock: t('its clock is wrong'),
    behind: t('it has not taken its newest orders'),
    clone: t('two machines speak as this node'),
  }
  return words[reason] ?? reason
}

const TONES: Record<Node['status'], Tone> = {
  healthy: 'good',
  degraded: 'warn',
  unreachable: 'bad',
  pending: 'unknown',
  revoked: 'unknown',
  waiting: 'warn',
  rejected: 'unknown',
  stale: 'bad',
  leaving: 'warn',
  decommissioned: 'unknown',
}

/** A node's state as shape and word. */
export function NodeStatus({ status }: { status: Node['status'] }) {
  return <StateBadge tone={TONES[status] ?? 'unknown'} label={statusLabel(status)} />
}

const LATE_MS = 45_000

/** When a node was last heard; marked once three heartbeats are missing. */
export function LastSeen({ at }: { at: string | null }) {
  const now = useNow(5000)
  if (at === null) return <span className="text-secondary">{t('never')}</span>
  const isLate = now - Date.parse(at) > LATE_MS
  return <span className={`whitespace-nowrap ${isLate ? 'text-warn' : 'text-secondary'}`}>{formatAge(at, now)}</span>
}

/** What runs pipelines on a node, with its version. */
export function engineLabel(engine: Node['engine']): string {
  if (engine === null) return '–'
  return engine.kind === 'vector' ? t('Vector {version}', { version: engine.version }) : t('embedded {version}', { version: engine.version })
}
