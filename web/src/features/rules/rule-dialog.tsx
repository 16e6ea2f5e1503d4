import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { PolicyRuleKept } from '@/api/gen'
import { createPolicyRule, updatePolicyRule } from '@/api/gen'
import { listPolicyRulesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import type { Rule } from './words'
import { parts, sentence, severityLabel } from './words'

const ABOUT = ['component', 'option', 'destination'] as const
const SEVERITIES = ['error', 'warning', 'note'] as const

function aboutLabel(about: Rule['about']): string {
  if (about === 'component') return t('which components there are')
  return about === 'option' ? t('the value of an option') : t('where events are sent')
}

function verdictLabel(verdict: string): string {
  if (verdict === 'deny') return t('refuse what is listed')
  return verdict === 'allow' ? t('allow only what is listed') : t('require it')
}

/** Makes or changes a rule; shows as a sentence what it will say. */
export function RuleDialog({ rule, onClose }: { rule: PolicyRuleKept | null; onClose: () => void }) {
  const { org } = useScope()
  const queryClient = useQueryClient()
  const [about, setAbout] = useState<Rule['about']>(rule?.rule.about ?? 'component')
  const [verdict, setVerdict] = useState(rule?.rule.verdict ?? 'deny')
  const [severity, setSeverity] = useState(rule?.rule.severity ?? 'error')
  const [name, setName] = useState(rule?.rule.name ?? '')
  const [reason, setReason] = useState(rule?.rule.reason ?? '')
  const [types, setTypes] = useState((rule?.rule.types ?? []).join(', '))
  const [path, setPath] = useState((rule?.rule.path ?? []).join('.'))
  const [values, setValues] = useState((rule?.rule.values ?? []).join('\n'))
  const [environments, setEnvironments] = useState((rule?.environments ?? []).join(', '))
  const verdicts = about === 'option' ? (['deny', 'allow', 'require'] as const) : (['deny', 'allow'] as const)
  const made: Rule = {
    ...(rule?.rule.kinds === undefined ? {} : { kinds: rule.rule.kinds }),
    name,
    about,
    severity,
    reason,
    verdict: verdicts.some((each) => each === verdict) ? verdict : 'deny',
    types: parts(types),
    path: about === 'option' ? path.split('.').filter((step) => step !== '') : [],
    values: about === 'component' ? [] : parts(values),
  }
  const isWhole =
    name.trim() !== '' &&
    (about !== 'component' || parts(types).length > 0) &&
    (about !== 'option' || path !== '') &&
    (about !== 'destination' || parts(values).length > 0)
  const save = useMutation({
    mutationFn: async () => {
      const body = { rule: made, environments: parts(environments) }
      if (rule === null) await createPolicyRule({ path: { org }, body, throwOnError: true })
      else await updatePolicyRule({ path: { org, id: rule.id }, headers: { 'If-Match': rule.etag }, body, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listPolicyRulesQueryKey({ path: { org } }).slice(0, 1) })
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={!isWhole || save.isPending} onPress={() => save.mutate()}>
        {rule === null ? t('Make rule') : t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={rule === null ? t('New rule') : t('Change {name}', { name: rule.rule.name })} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <TextField label={t('Name')} autoFocus value={name} onChange={setName} maxLength={100} />
        <Select label={t('About')} value={about} onChange={(id) => setAbout(id as Rule['about'])} choices={ABOUT.map((id) => ({ id, label: aboutLabel(id) }))} />
        <Select
          label={t('Verdict')}
          value={made.verdict ?? 'deny'}
          onChange={(id) => setVerdict(id as 'deny')}
          choices={verdicts.map((id) => ({ id, label: verdictLabel(id) }))}
        />
        <TextField
          label={t('Component types')}
          mono
          value={types}
          onChange={setTypes}
          hint={about === 'component' ? t('As exec, http*; commas between.') : t('Left empty it is about all of them.')}
        />
        {about === 'option' && <TextField label={t('Option')} mono value={path} onChange={setPath} hint={t('The way to it, as tls.verify_certificate.')} />}
        {about !== 'component' && (
          <TextField
            label={about === 'destination' ? t('Hosts') : t('Values')}
            mono
            rows={3}
            value={values}
            onChange={setValues}
            hint={t('One a line; * stands for anything.')}
          />
        )}
        <Select
          label={t('A revision that breaks it is')}
          value={severity}
          onChange={(id) => setSeverity(id as 'error')}
          choices={SEVERITIES.map((id) => ({ id, label: severityLabel(id) }))}
        />
        <TextField label={t('Reason')} value={reason} onChange={setReason} maxLength={500} hint={t('Shown to whoever breaks it.')} />
        <TextField label={t('Environments')} mono value={environments} onChange={setEnvironments} hint={t('Left empty it holds in all of them.')} />
        {isWhole && <p className="text-sm text-secondary">{sentence(made)}.</p>}
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
