import type { LogLine } from '@/api/gen'
import { t } from '@/lib/i18n'

/** A level in words. */
export function levelLabel(level: LogLine['level']): string {
  if (level === 'error') return t('Error')
  if (level === 'warn') return t('Warning')
  if (level === 'info') return t('Info')
  return level === 'debug' ? t('Debug') : t('Trace')
}
