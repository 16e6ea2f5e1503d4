import type { ComponentRates } from '@/api/gen'
import { t } from '@/lib/i18n'

/** From this share of busy time, or of a full buffer, on a component holds its senders back. */
export const BUSY = 0.9

export type FlowHealth = { errorShare: number; discardShare: number; isBusy: boolean }

const CALM: FlowHealth = { errorShare: 0, discardShare: 0, isBusy: false }

/** How a component fares with what reaches it: shares of 0 to 1 of the events that it received. */
export function healthOf(rates: ComponentRates | undefined): FlowHealth {
  if (rates === undefined) return CALM
  const { errors_per_second: errors, discarded_per_second: discarded, utilization } = rates
  // What failed may be counted as received or not; neither way may give more than the whole.
  const all = Math.max(rates.received_events_per_second, rates.sent_events_per_second, errors, discarded)
  const share = (part: number) => (all > 0 ? Math.max(0, part) / all : 0)
  const isBusy = (utilization ?? 0) >= BUSY || (rates.buffer?.fill ?? 0) >= BUSY
  return { errorShare: share(errors), discardShare: share(discarded), isBusy }
}

/** A share in words; what is not nothing never reads as nothing. */
export function formatShare(share: number): string {
  const percent = share * 100
  if (percent > 0 && percent < 1) return '<1%'
  return `${Math.floor(percent)}%`
}

/** The worst of it in one word for the label of an edge, or null while all is well. */
export function healthWord(health: FlowHealth): { word: string; tone: 'bad' | 'warn' | 'plain' } | null {
  if (health.errorShare > 0) return { word: t('{share} errors', { share: formatShare(health.errorShare) }), tone: 'bad' }
  if (health.isBusy) return { word: t('back-pressure'), tone: 'warn' }
  // Dropping is a filter's work, and the figure does not tell it from loss: said, but not as a warning.
  if (health.discardShare > 0) return { word: t('{share} discarded', { share: formatShare(health.discardShare) }), tone: 'plain' }
  return null
}
