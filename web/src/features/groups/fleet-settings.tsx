import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { FleetSettings } from '@/api/gen'
import { updateFleetSettings } from '@/api/gen'
import { getFleetSettingsOptions, getFleetSettingsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'

/** When silent nodes count as stale, and when they are told to leave. */
export function FleetSettingsForm() {
  const path = useScope()
  const settings = useQuery(getFleetSettingsOptions({ path }))
  if (settings.data === undefined) return null
  return <Form key={settings.data.etag} settings={settings.data} />
}

function isDays(text: string): boolean {
  return /^[1-9]\d{0,3}$/.test(text) && Number(text) <= 3650
}

function Form({ settings }: { settings: FleetSettings }) {
  const path = useScope()
  const can = useCan()
  const queryClient = useQueryClient()
  const [stale, setStale] = useState(String(settings.stale_after_days))
  const [leave, setLeave] = useState(settings.decommission_after_days === null ? '' : String(settings.decommission_after_days))
  const save = useMutation({
    mutationFn: async () =>
      updateFleetSettings({
        path,
        headers: { 'If-Match': settings.etag },
        body: { stale_after_days: Number(stale), decommission_after_days: leave === '' ? null : Number(leave) },
        throwOnError: true,
      }),
    onSuccess: () => {
      notify(t('Saved.'))
      void queryClient.invalidateQueries({ queryKey: getFleetSettingsQueryKey({ path }) })
    },
  })
  const mayChange = can('node.decommission')
  return (
    <div className="flex flex-wrap items-end gap-3">
      <TextField label={t('Stale after days')} value={stale} onChange={setStale} isDisabled={!mayChange} error={isDays(stale) ? undefined : t('1 to 3650')} />
      <TextField
        label={t('Told to leave after days')}
        value={leave}
        onChange={setLeave}
        isDisabled={!mayChange}
        placeholder={t('never')}
        error={leave === '' || isDays(leave) ? undefined : t('1 to 3650, or empty')}
      />
      {mayChange && (
        <Button isDisabled={!isDays(stale) || !(leave === '' || isDays(leave)) || save.isPending} onPress={() => save.mutate()}>
          {t('Save')}
        </Button>
      )}
      {save.error !== null && <InlineError error={save.error} />}
    </div>
  )
}
