import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { PlaceGiven, Secret } from '@/api/gen'
import { createSecret, updateSecret } from '@/api/gen'
import { listSecretDestinationsQueryKey, listSecretsQueryKey, listSecretStoresOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import { askedBy, isComplete, OutsideFields } from './outside-fields'
import { WaitingPlaces } from './waiting-places'

const NAME = /^[A-Za-z0-9_-]+$/
const HERE = 'here'
const NOWHERE = { path: '', field: '' }

type SecretDialogProps = {
  isOpen: boolean
  /** The secret that gets a new value, or null for a new secret. */
  secret: Secret | null
  onClose: () => void
  onDone?: (name: string) => void
}

/** Takes a value in, which never comes out again, or says in which outside store it lies. */
export function SecretDialog({ isOpen, secret, onClose, onDone }: SecretDialogProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const queryClient = useQueryClient()
  const [typedName, setName] = useState('')
  const [value, setValue] = useState('')
  const [places, setPlaces] = useState<PlaceGiven[]>([])
  const [storeId, setStoreId] = useState(HERE)
  const [where, setWhere] = useState(NOWHERE)
  const stores = useQuery({ ...listSecretStoresOptions({ path }), enabled: isOpen && secret === null && can('secret.read') }).data?.items ?? []
  const store = stores.find((each) => each.id === storeId)
  const name = secret?.name ?? typedName
  const close = () => {
    setName('')
    setValue('')
    setPlaces([])
    setStoreId(HERE)
    setWhere(NOWHERE)
    save.reset()
    onClose()
  }
  const save = useMutation({
    mutationFn: async () => {
      if (secret !== null) {
        const headers = secret.etag === undefined ? {} : { 'If-Match': secret.etag }
        await updateSecret({ path: { ...path, id: secret.id }, headers, body: { value, places }, throwOnError: true })
      } else {
        const body = store === undefined ? { name, value } : { name, outside: { store_id: store.id, ...where } }
        await createSecret({ path, body, throwOnError: true })
      }
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listSecretsQueryKey({ path }).slice(0, 1) })
      void queryClient.invalidateQueries({ queryKey: listSecretDestinationsQueryKey({ path, query: { secret: name } }).slice(0, 1) })
      onDone?.(name)
      close()
    },
  })
  const isBadName = name !== '' && !NAME.test(name)
  const isReady = name !== '' && !isBadName && (store === undefined ? value !== '' : isComplete(store, where))
  const footer = (
    <>
      <Button onPress={close}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={!isReady || save.isPending} onPress={() => save.mutate()}>
        {secret === null ? t('Create secret') : places.length === 0 ? t('Set value') : t('Set value and approve')}
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
        {secret === null && stores.length > 0 && (
          <Select
            label={t('Where its value lies')}
            value={storeId}
            choices={[{ id: HERE, label: t('Here, sealed') }, ...stores.map((each) => ({ id: each.id, label: t('In {store}', { store: each.name }), hint: askedBy(each) }))]}
            onChange={setStoreId}
          />
        )}
        {store === undefined ? (
          <TextField
            label={t('Value')}
            type="password"
            autoComplete="new-password"
            value={value}
            onChange={setValue}
            hint={t('It is sealed on arrival, and leaves only sealed for the nodes that need it. Nobody can read it here again.')}
          />
        ) : (
          <OutsideFields store={store} where={where} onChange={setWhere} />
        )}
        {secret !== null && isOpen && <WaitingPlaces secret={secret.name} chosen={places} onChange={setPlaces} />}
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
