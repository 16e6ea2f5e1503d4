import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Secret } from '@/api/gen'
import { createSecret, updateSecret } from '@/api/gen'
import { listSecretsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'

const NAME = /^[A-Za-z0-9_-]+$/

type SecretDialogProps = {
  isOpen: boolean
  /** The secret that gets a new value, or null for a new secret. */
  secret: Secret | null
  onClose: () => void
  onDone?: (name: string) => void
}

/** Takes a value in. It never comes out again, here or anywhere else. */
export function SecretDialog({ isOpen, secret, onClose, onDone }: SecretDialogProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [typedName, setName] = useState('')
  const [value, setValue] = useState('')
  const name = secret?.name ?? typedName
  const close = () => {
    setName('')
    setValue('')
    save.reset()
    onClose()
  }
  const save = useMutation({
    mutationFn: async () => {
      if (secret === null) await createSecret({ path, body: { name, value }, throwOnError: true })
      else {
        const headers = secret.etag === undefined ? {} : { 'If-Match': secret.etag }
        await updateSecret({ path: { ...path, id: secret.id }, headers, body: { value }, throwOnError: true })
      }
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listSecretsQueryKey({ path }).slice(0, 1) })
      onDone?.(name)
      close()
    },
  })
  const isBadName = name !== '' && !NAME.test(name)
  const footer = (
    <>
      <Button onPress={close}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name === '' || isBadName || value === '' || save.isPending} onPress={() => save.mutate()}>
        {secret === null ? t('Create secret') : t('Set value')}
      </Button>
    </>
  )
  return (
    <Dialog title={secret === null ? t('New secret') : t('New value for {name}', { name })} isOpen={isOpen} onClose={close} footer={footer}>
      <div className="flex flex-col gap-3">
        {secret === null && (
          <TextField
            label={t('Name')}
            mono
            autoFocus
            value={typedName}
            onChange={setName}
            autoComplete="off"
            error={isBadName ? t('Letters, digits, _ and - only.') : undefined}
          />
        )}
        <TextField
          label={t('Value')}
          type="password"
          autoComplete="new-password"
          value={value}
          onChange={setValue}
          hint={t('It is sealed on arrival, and leaves only sealed for the nodes that need it. Nobody can read it here again.')}
        />
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
