import { t } from '@/lib/i18n'

const HOUR = 3600
const DAY = 24 * HOUR
const OFFERED = [HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 90 * DAY]

/** The times that are offered, in seconds, with the present one among them. */
export function choicesWith(present: number | null): number[] {
  return [...new Set(present === null ? OFFERED : [...OFFERED, present])].sort((a, b) => a - b)
}

/** A time as people say it: days or hours where it is whole, minutes otherwise. */
export function limitLabel(seconds: number): string {
  if (seconds % DAY === 0) return t('{count, plural, one {# day} other {# days}}', { count: seconds / DAY })
  if (seconds % HOUR === 0) return t('{count, plural, one {# hour} other {# hours}}', { count: seconds / HOUR })
  return t('{count, plural, one {# minute} other {# minutes}}', { count: Math.round(seconds / 60) })
}
