import type { PolicyRuleKept } from '@/api/gen'
import { t } from '@/lib/i18n'

export type Rule = PolicyRuleKept['rule']

/** What happens to a revision that breaks a rule. */
export function severityLabel(severity: string): string {
  if (severity === 'error') return t('refused')
  return severity === 'warning' ? t('warned of') : t('noted')
}

function listed(texts: readonly string[] | undefined): string {
  return (texts ?? []).join(', ')
}

/** A rule as a sentence. */
export function sentence(rule: Rule): string {
  const verdict = rule.verdict ?? 'deny'
  const types = (rule.types ?? []).length > 0 ? listed(rule.types) : t('any type')
  if (rule.about === 'component') {
    return verdict === 'deny' ? t('No components of type {types}', { types }) : t('Only components of type {types}', { types })
  }
  if (rule.about === 'destination') {
    const hosts = listed(rule.values)
    return verdict === 'deny' ? t('Nothing is sent to {hosts}', { hosts }) : t('Events are sent only to {hosts}', { hosts })
  }
  const option = (rule.path ?? []).join('.')
  const values = (rule.values ?? []).length > 0 ? listed(rule.values) : t('any value')
  if (verdict === 'deny') return t('{option} is not {values}', { option, values })
  if (verdict === 'allow') return t('{option} is only {values}', { option, values })
  return t('{option} is set, to {values}', { option, values })
}

/** The parts of a text, one a line or between commas. */
export function parts(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((each) => each.trim())
    .filter((each) => each !== '')
}
