import { t } from '@/lib/i18n'

/** The ranges of time that charts can show; they stand in the address. */
export const RANGES = ['15m', '1h', '6h', '24h', '7d'] as const
export type Range = (typeof RANGES)[number]

const MINUTES: Record<Range, number> = { '15m': 15, '1h': 60, '6h': 360, '24h': 1440, '7d': 10_080 }

/** How many minutes a range goes back. */
export function minutesOf(range: Range): number {
  return MINUTES[range]
}

/** A range in words. */
export function rangeLabel(range: Range): string {
  const words: Record<Range, string> = { '15m': t('15 min'), '1h': t('1 hour'), '6h': t('6 hours'), '24h': t('24 hours'), '7d': t('7 days') }
  return words[range]
}

/** How often a chart of a range is read again, in milliseconds. */
export function refreshOf(range: Range): number {
  return minutesOf(range) <= 60 ? 15_000 : 60_000
}

/** A range as it stands in an address, or undefined for what is none. */
export function rangeOf(text: unknown): Range | undefined {
  return RANGES.find((range) => range === text)
}
