import type { ComponentRates, Timing } from '@/api/gen'
import { formatBytes, formatCount, formatShortTime } from '@/lib/format'
import { t } from '@/lib/i18n'

/** A figure in short, and what it means in words. */
export type Told = { short: string; words: string }
export type ToldTime = Told & { seconds: number }

/** Mean and 95th percentile in words; the engines count in buckets, so that one is a bound. */
export function timingWords(timing: Timing): string {
  const mean = t('{time} on average', { time: formatShortTime(timing.mean) })
  const bound = timing.p95_at_most
  return bound === null ? mean : t('{mean}, 95 of 100 at most {bound}', { mean, bound: formatShortTime(bound) })
}

/** The time that says most about a component of its kind: a source's lag, a transform's latency. */
export function ownTime(rates: ComponentRates | undefined): ToldTime | null {
  if (rates === undefined) return null
  const { lag, latency } = rates
  // An older server leaves out what it does not know.
  if (latency != null) {
    return { seconds: latency.mean, short: formatShortTime(latency.mean), words: t('Latency with its queue: {timing}', { timing: timingWords(latency) }) }
  }
  if (lag == null) return null
  const short = t('{time} old', { time: formatShortTime(lag.mean) })
  return { seconds: lag.mean, short, words: t('Age of events when they come in: {timing}', { timing: timingWords(lag) }) }
}

/** How long who sends to a component waits to get into its buffer. */
export function waitTime(rates: ComponentRates | undefined): ToldTime | null {
  const wait = rates?.wait ?? null
  if (wait === null) return null
  return { seconds: wait.mean, short: formatShortTime(wait.mean), words: t('Wait to get into the buffer: {timing}', { timing: timingWords(wait) }) }
}

/** How full a component's buffers are; without a known maximum only what waits in them. */
export function bufferFill(rates: ComponentRates | undefined): Told | null {
  const buffer = rates?.buffer ?? null
  if (buffer === null) return null
  const { fill, events, bytes } = buffer
  const holds = bytes > 0 ? t('{n} events, {size}', { n: formatCount(events), size: formatBytes(bytes) }) : t('{n, plural, one {# event} other {# events}}', { n: events })
  if (fill === null) return { short: t('{n} wait', { n: formatCount(events) }), words: t('In the buffer: {holds}', { holds }) }
  const percent = Math.floor(fill * 100)
  return { short: t('buffer {percent}%', { percent }), words: t('In the buffer: {holds}; the fullest is {percent}% full', { holds, percent }) }
}
