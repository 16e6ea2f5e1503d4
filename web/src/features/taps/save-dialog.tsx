import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { CapturedEvent, Tap } from '@/api/gen'
import { saveCapture } from '@/api/gen'
import { listCapturesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'

const DAYS = [1, 7, 30]

/** Keeps events of a tap, sealed and for some days. */
export function SaveDialog({ tap, events, onClose }: { tap: Tap; events: CapturedEvent[]; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(`${tap.component}${tap.port === '' ? '' : `.${tap.port}`}`)
  const [days, setDays] = useState('7')
  const save = useMutation({
    mutationFn: async () => (await saveCapture({ path, body: { tap_id: tap.id, name: name.trim(), days: Number(days), events }, throwOnError: true })).data,
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listCapturesQueryKey({ path }).slice(0, 1) })
      notify(t('The capture is saved.'))
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name.trim() === '' || save.isPending} onPress={() => save.mutate()}>
        {t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Save as capture')} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <p>{t('{n, plural, one {# event is} other {# events are}} kept, encrypted, until somebody erases the capture or its time is over.', { n: events.length })}</p>
        <TextField label={t('Name')} value={name} onChange={setName} isRequired maxLength={100} />
        <Select label={t('Keep for')} value={days} onChange={setDays} choices={DAYS.map((each) => ({ id: String(each), label: t('{n, plural, one {# day} other {# days}}', { n: each }) }))} />
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
