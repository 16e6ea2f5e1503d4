import type { ListAuditData } from '@/api/gen'
import type { AuditSearch } from '@/app/search'
import { timeZone } from '@/lib/time-zone'

type AuditQuery = Omit<NonNullable<ListAuditData['query']>, 'limit' | 'cursor'>

/** The API's filter for what stands in the address; the last day is meant with all of it. */
export function queryOf(search: AuditSearch): AuditQuery {
  const fields: AuditQuery = {
    q: search.q,
    actor_id: search.actor,
    action: search.action,
    object_type: search.type,
    object_id: search.object,
    from: search.from === undefined ? undefined : startOf(search.from, 0),
    to: search.to === undefined ? undefined : startOf(search.to, 1),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** The first moment of a day, or of one some days later, in the zone that times are shown in. */
export function startOf(day: string, later: number): string | undefined {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  const moment = timeZone() === 'utc' ? new Date(Date.UTC(year, month - 1, date + later)) : new Date(year, month - 1, date + later)
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString()
}
