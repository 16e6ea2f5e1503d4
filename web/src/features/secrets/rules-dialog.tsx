import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Secret, WaitingPlace } from '@/api/gen'
import { approveSecretDestination, revokeSecretDestination, updateSecretSettings } from '@/api/gen'
import {
  listSecretDestinationsOptions,
  listSecretDestinationsQueryKey,
  listSecretsQueryKey,
  listSecretStoresOptions,
  listSecretVersionsOptions,
} from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Facts, Section } from '@/ui/page'
import { InlineError } from '@/ui/states'
import { askedBy } from './outside-fields'
import { placeOf } from './waiting-places'

function lines(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

/** What is not the value of a secret: its end, its reminder, where it may be used, where it goes, and its history. */
export function RulesDialog({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const mayWrite = can('secret.write')
  const queryClient = useQueryClient()
  const [description, setDescription] = useState(secret.description)
  const [ends, setEnds] = useState(secret.expires_at?.slice(0, 10) ?? '')
  const [days, setDays] = useState(secret.rotate_days === null ? '' : String(secret.rotate_days))
  const [types, setTypes] = useState((secret.limits.types ?? []).join(', '))
  const [paths, setPaths] = useState((secret.limits.paths ?? []).join(', '))
  const [hosts, setHosts] = useState((secret.limits.hosts ?? []).join(', '))
  const save = useMutation({
    mutationFn: () =>
      updateSecretSettings({
        path: { ...path, id: secret.id },
        headers: { 'If-Match': secret.etag },
        body: {
          description,
          expires_at: ends === '' ? null : `${ends}T00:00:00Z`,
          rotate_days: days === '' ? null : Number(days),
          limits: { types: lines(types), paths: lines(paths), hosts: lines(hosts) },
        },
        throwOnError: true,
      }),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listSecretsQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Close')}</Button>
      {mayWrite && (
        <Button variant="primary" isDisabled={save.isPending} onPress={() => save.mutate()}>
          {t('Save')}
        </Button>
      )}
    </>
  )
  return (
    <Dialog title={secret.name} isOpen onClose={onClose} width="wide" footer={footer}>
      <div className="flex flex-col gap-3">
        {secret.outside !== null && <Outside outside={secret.outside} />}
        <TextField label={t('Description')} value={description} onChange={setDescription} maxLength={500} isDisabled={!mayWrite} />
        <div className="grid gap-3 sm:grid-cols-2">
          <TextField label={t('Expires on')} value={ends} onChange={setEnds} placeholder="2027-01-31" isDisabled={!mayWrite} hint={t('Year, month, day. It is told 14 days before.')} />
          <TextField label={t('New value due after days')} type="number" value={days} onChange={setDays} isDisabled={!mayWrite} />
        </div>
        <TextField label={t('Only in components')} mono value={types} onChange={setTypes} isDisabled={!mayWrite} placeholder="sink:http" hint={t('Kinds and types, by commas; empty allows all.')} />
        <TextField label={t('Only in options')} mono value={paths} onChange={setPaths} isDisabled={!mayWrite} placeholder="auth.token" />
        <TextField label={t('Only to hosts')} mono value={hosts} onChange={setHosts} isDisabled={!mayWrite} placeholder="*.example.com" />
        {save.error !== null && <InlineError error={save.error} />}
      </div>
      <Places secret={secret} mayWrite={mayWrite} />
      <History secret={secret} />
    </Dialog>
  )
}

function Outside({ outside }: { outside: NonNullable<Secret['outside']> }) {
  const { org, env } = useScope()
  const store = useQuery(listSecretStoresOptions({ path: { org, env } })).data?.items.find((each) => each.id === outside.store_id)
  if (store === undefined) return null
  const where = [outside.path, outside.field].filter((each) => each !== undefined && each !== '').join(' · ')
  return (
    <Facts
      items={[
        [t('Store'), `${store.name}, ${askedBy(store)}`],
        [t('In it'), <span key="where" className="font-mono text-sm [overflow-wrap:anywhere]">{where}</span>],
      ]}
    />
  )
}

function Places({ secret, mayWrite }: { secret: Secret; mayWrite: boolean }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const places = useQuery(listSecretDestinationsOptions({ path, query: { secret: secret.name } }))
  const again = () => void queryClient.invalidateQueries({ queryKey: listSecretDestinationsQueryKey({ path, query: { secret: secret.name } }).slice(0, 1) })
  const approve = useMutation({
    mutationFn: (waiting: WaitingPlace) => approveSecretDestination({ path, body: placeOf(waiting), throwOnError: true }),
    onSuccess: again,
  })
  const revoke = useMutation({
    mutationFn: (id: string) => revokeSecretDestination({ path: { ...path, id }, throwOnError: true }),
    onSuccess: again,
  })
  const approved = places.data?.approved ?? []
  const waiting = places.data?.waiting ?? []
  const problem = approve.error ?? revoke.error
  return (
    <Section title={t('Where it goes')}>
      {approved.length === 0 && waiting.length === 0 && <p className="text-secondary">{t('Nowhere yet. The first deployment by somebody who may write secrets approves its destination.')}</p>}
      <ul className="flex flex-col gap-2">
        {waiting.map((each) => (
          <li key={`${each.pipeline_id}${each.destination}${each.option_path}`} className="flex flex-wrap items-center gap-2">
            <span className="min-w-0 flex-1 basis-60 [overflow-wrap:anywhere]">
              <span className="font-mono text-sm">{each.destination === '' ? t('no named host') : each.destination}</span>{' '}
              <span className="text-sm text-warn">{t('waits for approval, in {pipeline}', { pipeline: each.pipeline_name })}</span>
            </span>
            {each.yours && <span className="text-sm text-secondary">{t('You changed it: enter the value again, or ask somebody else.')}</span>}
            {mayWrite && !each.yours && <Button onPress={() => approve.mutate(each)}>{t('Approve')}</Button>}
          </li>
        ))}
        {approved.map((each) => (
          <li key={each.id} className="flex flex-wrap items-center gap-2">
            <span className="min-w-0 flex-1 basis-60 [overflow-wrap:anywhere]">
              <span className="font-mono text-sm">{each.destination === '' ? t('no named host') : each.destination}</span>{' '}
              <span className="text-sm text-secondary">
                {t('{type}, {option}; by {name}', { type: each.component_type.replace(':', ' '), option: each.option_path, name: each.approved_by })}
              </span>
            </span>
            {mayWrite && <Button onPress={() => revoke.mutate(each.id)}>{t('Take back')}</Button>}
          </li>
        ))}
      </ul>
      {problem !== null && <InlineError error={problem} />}
    </Section>
  )
}

function History({ secret }: { secret: Secret }) {
  const { org, env } = useScope()
  const versions = useQuery(listSecretVersionsOptions({ path: { org, env, id: secret.id } }))
  const items = versions.data?.items ?? []
  if (items.length === 0) return null
  return (
    <Section title={t('Values')}>
      <ul className="flex flex-col gap-1 text-secondary tabular-nums">
        {items.map((each) => (
          <li key={each.version}>
            {t('Version {version}, set {at} by {name}', { version: each.version, at: formatTime(each.created_at), name: each.created_by === '' ? '–' : each.created_by })}
          </li>
        ))}
      </ul>
    </Section>
  )
}
