import { t } from './i18n'

const LIST = /expected one of: ("(?:[^"\\]|\\.)*"(?:, "(?:[^"\\]|\\.)*")*)/
const KEPT = 4
/** A list that is not longer by this is given whole: a note about what is left out would be as long. */
const SPARED = 2

/** A message with only the first few of what a compiler expected, and how many it left out; null where it is short as it is. */
export function shortened(message: string): { short: string; left: number } | null {
  const list = LIST.exec(message)
  if (list?.[1] === undefined) return null
  const all = list[1].match(/"(?:[^"\\]|\\.)*"/g) ?? []
  const left = all.length - KEPT
  if (left < SPARED) return null
  return { short: message.replace(list[1], () => all.slice(0, KEPT).join(', ')), left }
}

/** A message in short, for places where nothing can be pressed. */
export function shortMessage(message: string): string {
  const found = shortened(message)
  return found === null ? message : t('{message} and {n} more', { message: found.short, n: found.left })
}
