import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Encryption, OwnKeyState } from '@/api/gen'
import { endOwnKey } from '@/api/gen'
import { getEncryptionQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { Facts } from '@/ui/page'
import { InlineError } from '@/ui/states'
import { ProofDialog } from './proof-dialog'

/** The key that wraps, and the one that waits for its proof. */
export function OwnKeys({ state, mayManage }: { state: Encryption; mayManage: boolean }) {
  const proving = useRowDialog('own-key-proof', state.own_keys, { may: mayManage })
  const ending = useRowQuestion('end', state.own_keys)
  if (state.own_keys.length === 0) {
    return (
      <p className="max-w-3xl text-secondary">
        {state.plan === 'enterprise'
          ? t('None. You can have the data key encrypted by a key that you hold yourself, in AWS KMS or in Vault. The owners of the organisation set it up.')
          : t('Bringing your own key is part of the Enterprise plan.')}
      </p>
    )
  }
  return (
    <div className="flex flex-col gap-4">
      {state.own_keys.map((key) => (
        <div key={key.id} className="rounded-md border border-line px-4 py-3">
          <Facts
            items={[
              [t('State'), <KeyState key="state" ownKey={key} />],
              [t('Kind'), key.kind === 'aws-kms' ? t('AWS KMS') : t('Vault Transit')],
              [t('Key'), <span key="place" className="font-mono text-sm">{key.place}</span>],
              ...(key.role_arn === null ? [] : [[t('Role'), <span key="role" className="font-mono text-sm">{key.role_arn}</span>] as [string, React.ReactNode]]),
            ]}
          />
          {mayManage && (
            <div className="mt-3 flex flex-wrap gap-2">
              {key.state === 'named' && (
                <Button variant="primary" onPress={() => proving.open(key)}>
                  {t('Set up and prove…')}
                </Button>
              )}
              <Button variant="danger" onPress={() => ending.open(key)}>
                {key.state === 'named' ? t('Give up…') : t('Stop using it…')}
              </Button>
            </div>
          )}
        </div>
      ))}
      {proving.row !== null && <ProofDialog ownKey={proving.row} organizationId={state.organization_id} onClose={proving.close} />}
      {ending.row !== null && <EndDialog ownKey={ending.row} onClose={ending.close} />}
    </div>
  )
}

function KeyState({ ownKey }: { ownKey: OwnKeyState }) {
  if (ownKey.state === 'named') return <StateBadge tone="warn" label={t('Waits for its proof')} />
  if (ownKey.problem !== null) {
    return (
      <>
        <StateBadge tone="bad" label={t('Does not answer')} />
        <span className="block text-secondary">{ownKey.problem}</span>
      </>
    )
  }
  return <StateBadge tone="good" label={t('In use')} />
}

function EndDialog({ ownKey, onClose }: { ownKey: OwnKeyState; onClose: () => void }) {
  const { org } = useScope()
  const path = { org }
  const queryClient = useQueryClient()
  const end = useMutation({
    mutationFn: async () => {
      await endOwnKey({ path: { ...path, id: ownKey.id }, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: getEncryptionQueryKey({ path }) })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={ownKey.state === 'named' ? t('Give this key up?') : t('Stop using your own key?')}
      confirmLabel={ownKey.state === 'named' ? t('Give up') : t('Stop using it')}
      isPending={end.isPending}
      onConfirm={() => end.mutate()}
    >
      {ownKey.state === 'named' && <p>{t('Nothing is encrypted by it. You can bring it again later, with a new challenge.')}</p>}
      {ownKey.state === 'active' && (
        <p>{t('The data keys are moved back under the key of this installation. Your key must still answer until that is done; keep it for a few minutes.')}</p>
      )}
      {end.error !== null && <InlineError error={end.error} />}
    </ConfirmDialog>
  )
}
