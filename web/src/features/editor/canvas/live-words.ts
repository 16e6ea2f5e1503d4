import type { ComponentRates } from '@/api/gen'
import type { Told, ToldTime } from '@/features/live/times'
import { bufferFill, ownTime, waitTime } from '@/features/live/times'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import type { Kind } from '../graph/types'
import { BUSY, healthOf } from './flow-health'

/** Times from here on always show on an edge, in seconds; shorter ones when it is pointed at or selected. */
export const LONG = 0.01

/** What stands beside a component's name: how long events take in it, or how full a sink's buffer is. */
export function cardTime(kind: Kind, rates: ComponentRates | undefined): Told | null {
  return kind === 'sink' ? bufferFill(rates) : ownTime(rates)
}

/** The time that says most about who receives: the wait for its buffer, or its own. */
export function receiverTime(rates: ComponentRates | undefined): ToldTime | null {
  return waitTime(rates) ?? ownTime(rates)
}

/** How a component holds its senders back, or an empty text. */
export function busyWords(rates: ComponentRates | undefined): string {
  if (!healthOf(rates).isBusy) return ''
  return (rates?.utilization ?? 0) >= BUSY
    ? t('Busy {percent}% of the time: it holds its senders back', { percent: Math.floor((rates?.utilization ?? 0) * 100) })
    : t('Its buffer is {percent}% full: it holds its senders back', { percent: Math.floor((rates?.buffer?.fill ?? 0) * 100) })
}

/** The errors of a component, or an empty text. */
export function errorWords(rates: ComponentRates | undefined): string {
  const errors = rates?.errors_per_second ?? 0
  return errors > 0 ? t('{rate} errors per second', { rate: formatRate(errors) }) : ''
}

/** All that is measured at a component, a line each; empty where nothing is. */
export function liveWords(kind: Kind, rates: ComponentRates | undefined): string {
  if (rates === undefined) return ''
  const lines = [
    kind === 'source' ? '' : t('{rate} events per second in', { rate: formatRate(rates.received_events_per_second) }),
    kind === 'sink' ? '' : t('{rate} events per second out', { rate: formatRate(rates.sent_events_per_second) }),
    cardTime(kind, rates)?.words ?? '',
    busyWords(rates),
    errorWords(rates),
  ]
  return lines.filter((each) => each !== '').join('\n')
}
