import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { OwnKeyState } from '@/api/gen'
import { proveOwnKey } from '@/api/gen'
import { getEncryptionQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { CodeBlock } from '@/ui/code'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'
import { keyPolicy, proofCommand, trustPolicy, vaultPolicy } from './instructions'

/** The second step: what the key's holder sets up, and the challenge that only they can encrypt. */
export function ProofDialog({ ownKey, organizationId, onClose }: { ownKey: OwnKeyState; organizationId: string; onClose: () => void }) {
  const { org } = useScope()
  const path = { org }
  const queryClient = useQueryClient()
  const [ciphertext, setCiphertext] = useState('')
  const prove = useMutation({
    mutationFn: async () => {
      await proveOwnKey({ path: { ...path, id: ownKey.id }, body: { ciphertext: ciphertext.trim() }, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: getEncryptionQueryKey({ path }) })
      notify(t('Your key is proved. The data keys are being moved under it.'))
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Later')}</Button>
      <Button variant="primary" isDisabled={prove.isPending || ciphertext.trim() === ''} onPress={() => prove.mutate()}>
        {prove.isPending ? t('Trying…') : t('Prove and use it')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Set up and prove')} isText isOpen onClose={onClose} width="wide" footer={footer}>
      <ol className="flex list-decimal flex-col gap-4 pl-5">
        {ownKey.kind === 'aws-kms' ? (
          <>
            <li>
              {t('Let our account take on the role, with this external id alone. Put the account of this installation in; its operator knows it.')}
              <CodeBlock label={t('Trust policy of the role')} text={trustPolicy(ownKey)} />
            </li>
            <li>
              {t('Let the role use the key for your organisation alone. A policy that allows more is refused.')}
              <CodeBlock label={t('Policy of the role')} text={keyPolicy(ownKey, organizationId)} />
            </li>
          </>
        ) : (
          <li>
            {t('Make a derived key, and a token whose policy allows this alone. A key that is not derived is refused.')}
            <CodeBlock label={t('Commands for Vault')} text={vaultPolicy(ownKey)} />
          </li>
        )}
        <li>
          {t('Encrypt the challenge with your own credentials, and paste what comes out.')}
          <CodeBlock label={t('Command that encrypts the challenge')} text={proofCommand(ownKey, organizationId)} />
          <div className="mt-3">
            <TextField label={t('Encrypted challenge')} value={ciphertext} onChange={setCiphertext} />
          </div>
        </li>
      </ol>
      {prove.error !== null && <InlineError error={prove.error} />}
    </Dialog>
  )
}
