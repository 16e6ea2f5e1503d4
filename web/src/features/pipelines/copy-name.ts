import { t } from '@/lib/i18n'

const LONGEST = 100

/** A free name for a copy of a pipeline. */
export function copyName(name: string, taken: readonly string[]): string {
  const known = new Set(taken.map((each) => each.toLowerCase()))
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? t('(copy)') : t('(copy {number})', { number })
    const wish = `${name.slice(0, LONGEST - suffix.length - 1)} ${suffix}`
    if (!known.has(wish.toLowerCase())) return wish
  }
}
