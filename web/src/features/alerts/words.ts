import type { AlertRule } from '@/api/gen'
import { t } from '@/lib/i18n'

export type Condition = AlertRule['condition']

/** A condition as a sentence. */
export function conditionText(condition: Condition): string {
  if (condition.kind === 'node_silent') return t('A node is silent for {seconds} s', { seconds: condition.seconds ?? 120 })
  if (condition.kind === 'component_errors') return t('A component counts {count} errors a minute or more', { count: condition.per_minute ?? 1 })
  return t('A node refuses a configuration, or its engine ends again and again')
}
