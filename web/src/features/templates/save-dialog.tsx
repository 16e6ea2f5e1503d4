import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { PipelineSummary } from '@/api/gen'
import { createTemplate, getPipeline } from '@/api/gen'
import { listTemplatesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'

/** Keeps a pipeline's draft as a template of the organisation, without its credentials. */
export function SaveTemplateDialog({ pipeline, onClose }: { pipeline: PipelineSummary; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(pipeline.name)
  const [summary, setSummary] = useState(pipeline.description)
  const keep = useMutation({
    mutationFn: async () => {
      const { data } = await getPipeline({ path: { ...path, id: pipeline.id }, throwOnError: true })
      return (await createTemplate({ path, body: { name: name.trim(), summary, document: data.document }, throwOnError: true })).data
    },
    onSuccess: ({ removed }) => {
      void queryClient.invalidateQueries({ queryKey: listTemplatesQueryKey({ path }) })
      notify(
        removed.length === 0
          ? t('{name} is in the gallery now.', { name: name.trim() })
          : t('{name} is in the gallery now, without the credentials of {places}.', { name: name.trim(), places: removed.join(', ') }),
      )
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name.trim() === '' || keep.isPending} onPress={() => keep.mutate()}>
        {t('Save as template')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Save as template')} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <p className="text-secondary">{t('Everybody in the organisation finds it in the gallery. Credentials that stand in the draft are left out; references to secrets stay.')}</p>
        <TextField label={t('Name')} value={name} onChange={setName} maxLength={100} autoFocus />
        <TextField label={t('What it is for')} value={summary} onChange={setSummary} rows={2} maxLength={500} />
        {keep.error !== null && <InlineError error={keep.error} />}
      </div>
    </Dialog>
  )
}
