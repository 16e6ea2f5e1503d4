import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { EnrolmentTokenCreated } from '@/api/gen'
import { createEnrolmentTokenMutation } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import { Switch } from '@/ui/switch'

const HOUR = 3600

/** Reads `name=value` pairs, one a line or separated by commas; null when one is not a pair. */
export function parseLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {}
  for (const part of text.split(/[\n,]/).map((each) => each.trim())) {
    if (part === '') continue
    const at = part.indexOf('=')
    if (at < 1 || at === part.length - 1) return null
    labels[part.slice(0, at).trim()] = part.slice(at + 1).trim()
  }
  return labels
}

type TokenDialogProps = { onClose: () => void; onCreated: (token: EnrolmentTokenCreated) => void }

/** Makes an enrolment token with a lifetime, a limit of uses and the labels that its nodes get. */
export function TokenDialog({ onClose, onCreated }: TokenDialogProps) {
  const { org, env } = useScope()
  const [name, setName] = useState('')
  const [lifetime, setLifetime] = useState(String(24 * HOUR))
  const [uses, setUses] = useState('1')
  const [labelText, setLabelText] = useState('')
  const [networks, setNetworks] = useState('')
  const [approval, setApproval] = useState(false)
  const create = useMutation({ ...createEnrolmentTokenMutation(), onSuccess: onCreated })
  const labels = parseLabels(labelText)
  const maxUses = Number(uses)
  const isBadUses = !Number.isInteger(maxUses) || maxUses < 1
  const submit = () =>
    create.mutate({
      path: { org, env },
      body: {
        name: name.trim(),
        expires_in_seconds: Number(lifetime),
        max_uses: maxUses,
        labels: labels ?? {},
        allowed_addresses: networks.split(/[\s,]+/).filter((each) => each !== ''),
        approval,
      },
    })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name.trim() === '' || isBadUses || labels === null || create.isPending} onPress={submit}>
        {t('Make token')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('New enrolment token')} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <TextField label={t('Name')} value={name} onChange={setName} autoFocus hint={t('What it is for, e.g. web servers Frankfurt.')} />
        <Select
          label={t('Valid for')}
          value={lifetime}
          onChange={setLifetime}
          choices={[
            { id: String(HOUR), label: t('1 hour') },
            { id: String(24 * HOUR), label: t('1 day') },
            { id: String(7 * 24 * HOUR), label: t('7 days') },
            { id: String(30 * 24 * HOUR), label: t('30 days') },
          ]}
        />
        <TextField
          label={t('Most uses')}
          value={uses}
          onChange={setUses}
          hint={t('How many machines may join with it.')}
          error={isBadUses ? t('A whole number, 1 or more.') : undefined}
        />
        <TextField
          label={t('Labels for its nodes')}
          value={labelText}
          onChange={setLabelText}
          mono
          rows={2}
          placeholder="region=eu, role=web"
          error={labels === null ? t('Write name=value, separated by commas.') : undefined}
        />
        <TextField
          label={t('Only from these networks')}
          value={networks}
          onChange={setNetworks}
          mono
          placeholder="192.0.2.0/24, 2001:db8::/32"
          hint={t('Empty: from anywhere.')}
        />
        <Switch label={t('Nodes wait until somebody admits them')} isSelected={approval} onChange={setApproval} />
        {create.error !== null && <InlineError error={create.error} />}
      </div>
    </Dialog>
  )
}
