import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Channel } from '@/api/gen'
import { createChannel, updateChannel } from '@/api/gen'
import { listChannelsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { CodeBlock } from '@/ui/code'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'

type ChannelDialogProps = { channel: Channel | null; mail: boolean; onClose: () => void }

/** Makes or changes a channel. Where it leads goes in; of a webhook only the host is ever shown again. */
export function ChannelDialog({ channel, mail, onClose }: ChannelDialogProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(channel?.name ?? '')
  const [kind, setKind] = useState<Channel['kind']>(channel?.kind ?? (mail ? 'email' : 'webhook'))
  const [to, setTo] = useState(channel?.kind === 'email' ? channel.shown : '')
  const [url, setUrl] = useState('')
  const save = useMutation({
    mutationFn: async () => {
      const people = to.split(/[\s,]+/).filter((each) => each !== '')
      const body = { name: name.trim(), target: kind === 'email' ? { kind, to: people } : { kind, url: url.trim() } }
      if (channel === null) return (await createChannel({ path, body, throwOnError: true })).data
      return (await updateChannel({ path: { ...path, id: channel.id }, headers: { 'If-Match': channel.etag }, body, throwOnError: true })).data
    },
    onSuccess: (kept) => {
      void queryClient.invalidateQueries({ queryKey: listChannelsQueryKey({ path }).slice(0, 1) })
      if (kept.signing_secret === null) onClose()
    },
  })
  const secret = save.data?.signing_secret ?? null
  if (secret !== null) {
    return (
      <Dialog title={t('What signs its requests')} isOpen onClose={onClose} footer={<Button variant="primary" onPress={onClose}>{t('Done')}</Button>}>
        <p className="mb-3">
          {t('Your receiver checks the header webhook-signature with this. It is shown once; changing the channel makes another.')}
        </p>
        <CodeBlock text={secret} label={t('Signing secret')} />
      </Dialog>
    )
  }
  const isWhole = name.trim() !== '' && (kind === 'email' ? to.trim() !== '' : url.trim() !== '')
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={!isWhole || save.isPending} onPress={() => save.mutate()}>
        {channel === null ? t('Make channel') : t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={channel === null ? t('New channel') : t('Change {name}', { name: channel.name })} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <TextField label={t('Name')} autoFocus value={name} onChange={setName} maxLength={100} />
        {channel === null && (
          <Select
            label={t('Kind')}
            value={kind}
            onChange={(id) => setKind(id as Channel['kind'])}
            choices={[
              { id: 'webhook', label: t('Webhook') },
              { id: 'email', label: t('Mail') },
            ]}
          />
        )}
        {kind === 'email' && !mail && (
          <p className="text-sm text-warn">{t('This installation has no mail server; whoever runs it sets VECTORFLOW_SMTP_HOST.')}</p>
        )}
        {kind === 'email' ? (
          <TextField label={t('To')} value={to} onChange={setTo} hint={t('Addresses, with commas between; at most 20.')} />
        ) : (
          <TextField
            label={t('Address')}
            mono
            value={url}
            onChange={setUrl}
            placeholder="https://"
            hint={channel === null ? t('It is sealed on arrival; only the host is shown again.') : t('Give it anew: it is sealed and cannot be shown.')}
          />
        )}
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
