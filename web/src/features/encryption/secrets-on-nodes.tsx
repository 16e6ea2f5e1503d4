import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { OfflineLimit } from '@/api/gen'
import { updateSecretsOnNodes } from '@/api/gen'
import { getSecretsOnNodesOptions, getSecretsOnNodesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Select } from '@/ui/select'
import { ErrorState, InlineError, LoadingState } from '@/ui/states'
import { notify } from '@/ui/toast'
import { choicesWith, limitLabel } from './offline-limit'

const FOR_EVER = 'ever'

/** How long nodes keep their secrets when they have no word of the control plane. */
export function SecretsOnNodes({ mayManage }: { mayManage: boolean }) {
  const { org } = useScope()
  const limit = useQuery(getSecretsOnNodesOptions({ path: { org } }))
  return (
    <>
      <p className="mb-3 max-w-3xl text-secondary">
        {t(
          'A node that was stolen or forgotten can give up its secrets by itself: when it gets no newly signed bundle for this long, it removes them from memory and disk and stops the pipelines that use them. Other pipelines run on. With contact everything comes back.',
        )}
      </p>
      {limit.isPending && <LoadingState />}
      {limit.error !== null && <ErrorState error={limit.error} onRetry={() => void limit.refetch()} />}
      {limit.data !== undefined && <Form key={limit.data.etag} limit={limit.data} mayManage={mayManage} />}
    </>
  )
}

function Form({ limit, mayManage }: { limit: OfflineLimit; mayManage: boolean }) {
  const { org } = useScope()
  const path = { org }
  const queryClient = useQueryClient()
  const [chosen, setChosen] = useState(limit.max_offline_seconds)
  const save = useMutation({
    mutationFn: async () => {
      await updateSecretsOnNodes({ path, headers: { 'If-Match': limit.etag }, body: { max_offline_seconds: chosen }, throwOnError: true })
    },
    onSuccess: () => {
      notify(t('Saved. Every node gets a new bundle that says so.'))
      void queryClient.invalidateQueries({ queryKey: getSecretsOnNodesQueryKey({ path }) })
    },
  })
  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        <Select
          label={t('Nodes keep secrets without contact')}
          value={chosen === null ? FOR_EVER : String(chosen)}
          choices={[
            { id: FOR_EVER, label: t('for ever') },
            ...choicesWith(limit.max_offline_seconds).map((seconds) => ({ id: String(seconds), label: limitLabel(seconds) })),
          ]}
          onChange={(value) => setChosen(value === FOR_EVER ? null : Number(value))}
          isDisabled={!mayManage}
          className="w-56"
        />
        {mayManage && (
          <Button isDisabled={chosen === limit.max_offline_seconds || save.isPending} onPress={() => save.mutate()}>
            {t('Save')}
          </Button>
        )}
      </div>
      {save.error !== null && <InlineError error={save.error} />}
      {chosen !== null && (
        <p className="mt-3 max-w-3xl text-secondary">
          {t('An outage of the control plane that lasts as long stops these pipelines on every node. Nodes warn after half of the time. Agents of older versions keep secrets for ever.')}
        </p>
      )}
    </>
  )
}
