import { t } from './i18n'
import { timeZone } from './time-zone'

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const LOCAL = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
const UTC = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })

/** A whole number with separators. */
export function formatCount(value: number): string {
  return NUMBER.format(value)
}

/** Events per second: three figures at most, never rounding a trickle to nothing. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0'
  if (perSecond < 0.01) return '<0.01'
  if (perSecond < 10) return String(Number(perSecond.toFixed(perSecond < 1 ? 2 : 1)))
  if (perSecond < 1000) return perSecond.toFixed(0)
  return COMPACT.format(perSecond).toLowerCase()
}

/** Bytes with binary units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`
}

/** A length of time in the largest unit that reads well. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return t('{n} s', { n: whole })
  if (whole < 3600) return t('{n} min', { n: Math.round(whole / 60) })
  if (whole < 86_400) return t('{n} h', { n: Math.round(whole / 3600) })
  return t('{n, plural, one {# day} other {# days}}', { n: Math.round(whole / 86_400) })
}

/** A short length of time to two figures: 5 µs, 0.3 ms, 1.2 s. */
export function formatShortTime(seconds: number): string {
  if (seconds === 0) return t('{n} ms', { n: 0 })
  if (seconds >= 100) return formatDuration(seconds)
  const [value, unit] = seconds >= 1 ? [seconds, '{n} s'] : seconds >= 1e-4 ? [seconds * 1e3, '{n} ms'] : [seconds * 1e6, '{n} µs']
  return t(unit, { n: value < 0.1 ? '<0.1' : value < 10 ? String(Number(value.toFixed(1))) : value.toFixed(0) })
}

/** How long ago a time was, against a given now. */
export function formatAge(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000
  if (seconds < 5) return t('just now')
  return t('{age} ago', { age: formatDuration(seconds) })
}

/** A full date and time in the chosen zone; UTC says so. */
export function formatTime(at: string): string {
  const date = new Date(at)
  return timeZone() === 'utc' ? t('{time} UTC', { time: UTC.format(date) }) : LOCAL.format(date)
}

/** The first characters of a hash, enough to tell two apart. */
export function shortHash(hash: string): string {
  return hash.replace(/^sha256:/, '').slice(0, 12)
}
