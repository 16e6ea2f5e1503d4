import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { FormEvent } from 'react'
import { useState } from 'react'
import { createPipelineMutation } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { emptyDocument } from '@/features/editor/graph/types'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'

/** Names a new pipeline and opens it. */
export function CreateDialog({ onClose }: { onClose: () => void }) {
  const { org, env } = useScope()
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const create = useMutation({
    ...createPipelineMutation(),
    onSuccess: async (pipeline) => {
      // In the place of this dialog, so that Back leads to the list.
      await navigate({ to: '/$org/$env/pipelines/$pipelineId', params: { org, env, pipelineId: pipeline.id }, replace: true })
    },
  })
  const submit = (event?: FormEvent) => {
    event?.preventDefault()
    if (name.trim() !== '' && !create.isPending) create.mutate({ path: { org, env }, body: { name: name.trim(), description, document: emptyDocument() } })
  }
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name.trim() === '' || create.isPending} onPress={() => submit()}>
        {t('Create')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('New pipeline')} isOpen onClose={onClose} footer={footer}>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <TextField label={t('Name')} value={name} onChange={setName} autoFocus maxLength={120} />
        <TextField label={t('Description')} value={description} onChange={setDescription} rows={2} />
        {create.error !== null && <InlineError error={create.error} />}
        <button type="submit" hidden />
      </form>
    </Dialog>
  )
}
