import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { AlertRule, Channel } from '@/api/gen'
import { createAlertRule, updateAlertRule } from '@/api/gen'
import { listAlertRulesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import { Switch } from '@/ui/switch'
import type { Condition } from './words'

const KINDS = ['node_silent', 'pipeline_failed', 'component_errors'] as const

function kindLabel(kind: Condition['kind']): string {
  if (kind === 'node_silent') return t('a node falls silent')
  return kind === 'pipeline_failed' ? t('a configuration is refused, or crashes') : t('a component counts errors')
}

function conditionOf(kind: Condition['kind'], seconds: string, perMinute: string): Condition {
  if (kind === 'node_silent') return { kind, seconds: Number(seconds) }
  return kind === 'component_errors' ? { kind, per_minute: Number(perMinute) } : { kind }
}

type RuleDialogProps = { rule: AlertRule | null; channels: Channel[]; onClose: () => void }

/** Makes or changes an alert rule. */
export function RuleDialog({ rule, channels, onClose }: RuleDialogProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const before = rule?.condition
  const [name, setName] = useState(rule?.name ?? '')
  const [kind, setKind] = useState<Condition['kind']>(before?.kind ?? 'node_silent')
  const [seconds, setSeconds] = useState(String(before?.kind === 'node_silent' ? (before.seconds ?? 120) : 120))
  const [perMinute, setPerMinute] = useState(String(before?.kind === 'component_errors' ? (before.per_minute ?? 1) : 1))
  const [chosen, setChosen] = useState<string[]>(rule?.channels ?? channels.map((channel) => channel.id))
  const [enabled, setEnabled] = useState(rule?.enabled ?? true)
  const save = useMutation({
    mutationFn: async () => {
      const body = { name: name.trim(), condition: conditionOf(kind, seconds, perMinute), channels: chosen, enabled }
      if (rule === null) await createAlertRule({ path, body, throwOnError: true })
      else await updateAlertRule({ path: { ...path, id: rule.id }, headers: { 'If-Match': rule.etag }, body, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listAlertRulesQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name.trim() === '' || save.isPending} onPress={() => save.mutate()}>
        {rule === null ? t('Make rule') : t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={rule === null ? t('New alert rule') : t('Change {name}', { name: rule.name })} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <TextField label={t('Name')} autoFocus value={name} onChange={setName} maxLength={100} />
        <Select label={t('When')} value={kind} onChange={(id) => setKind(id as Condition['kind'])} choices={KINDS.map((id) => ({ id, label: kindLabel(id) }))} />
        {kind === 'node_silent' && <TextField label={t('Seconds without a heartbeat')} type="number" value={seconds} onChange={setSeconds} hint={t('30 to 86,400')} />}
        {kind === 'component_errors' && <TextField label={t('Errors a minute')} type="number" value={perMinute} onChange={setPerMinute} hint={t('Of one component, over all nodes')} />}
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-1 text-sm font-medium">{t('Tells')}</legend>
          {channels.length === 0 && <p className="text-sm text-secondary">{t('There is no channel yet: make one, then choose it here.')}</p>}
          {channels.map((channel) => (
            <Switch
              key={channel.id}
              label={channel.name}
              isSelected={chosen.includes(channel.id)}
              onChange={(isOn) => setChosen(isOn ? [...chosen, channel.id] : chosen.filter((id) => id !== channel.id))}
            />
          ))}
        </fieldset>
        <Switch label={t('This rule is switched on')} isSelected={enabled} onChange={setEnabled} />
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
