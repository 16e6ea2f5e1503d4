import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { nameOwnKey } from '@/api/gen'
import { getEncryptionQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'

type Kind = 'aws-kms' | 'vault-transit'

/** The first step of bringing a key: which one it is. */
export function OwnKeyDialog({ onClose }: { onClose: () => void }) {
  const { org } = useScope()
  const path = { org }
  const queryClient = useQueryClient()
  const [kind, setKind] = useState<Kind>('aws-kms')
  const [place, setPlace] = useState('')
  const [role, setRole] = useState('')
  const [token, setToken] = useState('')
  const name = useMutation({
    mutationFn: async () => {
      const body = kind === 'aws-kms' ? { kind, place: place.trim(), role_arn: role.trim() } : { kind, place: place.trim(), token: token.trim() }
      await nameOwnKey({ path, body, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: getEncryptionQueryKey({ path }) })
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name.isPending || place.trim() === '' || (kind === 'aws-kms' ? role : token).trim() === ''} onPress={() => name.mutate()}>
        {t('Next')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Bring a key')} isOpen onClose={onClose} width="wide" footer={footer}>
      <div className="flex flex-col gap-3">
        <p className="text-secondary">{t('Nothing changes yet: the key is used once you have shown that you control it.')}</p>
        <Select
          label={t('Where the key is')}
          value={kind}
          choices={[
            { id: 'aws-kms', label: t('AWS KMS') },
            { id: 'vault-transit', label: t('Vault Transit') },
          ]}
          onChange={(chosen) => setKind(chosen as Kind)}
        />
        <TextField
          label={kind === 'aws-kms' ? t('ARN of the key') : t('Address of the key')}
          hint={kind === 'aws-kms' ? 'arn:aws:kms:eu-central-1:111122223333:key/…' : 'https://vault.example.com/transit/vectorflow'}
          value={place}
          onChange={setPlace}
        />
        {kind === 'aws-kms' ? (
          <TextField
            label={t('ARN of a role that we take on')}
            hint={t('It does not have to exist yet; the next step shows its policies.')}
            value={role}
            onChange={setRole}
          />
        ) : (
          <TextField
            label={t('Token')}
            hint={t('For this key alone. It is kept encrypted and never shown again.')}
            type="password"
            value={token}
            onChange={setToken}
          />
        )}
        {name.error !== null && <InlineError error={name.error} />}
      </div>
    </Dialog>
  )
}
