import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { Pipeline } from '@/api/gen'
import { getPipeline, updatePipeline } from '@/api/gen'
import { getPipelineQueryKey, listPipelinesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { ApiError } from '@/lib/problem'
import { notify, notifyError } from '@/ui/toast'
import { useEditor } from './context'
import type { Draft } from './store'
import { isDirty, stillUnsaved } from './store'

/** Somebody else saved meanwhile. */
class Superseded extends Error {
  constructor(readonly theirs: Pipeline) {
    super()
  }
}

/** Saves the draft over the version it was made from; a newer one on the server opens the conflict. */
export function useSave() {
  const { org, env } = useScope()
  const { store, pipelineId, text } = useEditor()
  const queryClient = useQueryClient()
  const [theirs, setTheirs] = useState<Pipeline | null>(null)
  const path = { org, env, id: pipelineId }
  const put = async (draft: Draft, etag: string): Promise<Pipeline> => {
    try {
      return (await updatePipeline({ path, headers: { 'If-Match': etag }, body: draft, throwOnError: true })).data
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 412)) throw error
      const { data } = await getPipeline({ path, throwOnError: true })
      // A save of ours whose answer was lost on the way is nobody else's.
      if (stillUnsaved({ draft }, data) === null) return data
      throw new Superseded(data)
    }
  }
  const mutation = useMutation({
    mutationFn: async () => {
      const { draft, etag } = store.getState()
      const data = await put(draft, etag)
      store.getState().confirm(draft, data.etag)
      queryClient.setQueryData(getPipelineQueryKey({ path }), data)
      void queryClient.invalidateQueries({ queryKey: listPipelinesQueryKey({ path: { org, env } }) })
      return data
    },
    onError: (error) => {
      if (error instanceof Superseded) setTheirs(error.theirs)
      else notifyError(error)
    },
  })
  const running = useRef<Promise<unknown> | null>(null)
  /** Saves when there is something to save; answers whether the server now has the draft. */
  const save = async (): Promise<boolean> => {
    await text.flush()
    // A save on its way replaces the version that this one would: both at once were a conflict with oneself.
    while (running.current !== null) await running.current
    if (!isDirty(store.getState())) return true
    // What failed was told by onError.
    const saved = mutation.mutateAsync().then(
      () => true,
      () => false,
    )
    running.current = saved
    await saved
    running.current = null
    return saved
  }
  const keepMine = () => {
    if (theirs === null) return
    store.getState().rebase(theirs)
    setTheirs(null)
    void save()
  }
  const putTogether = (merged: Draft) => {
    if (theirs === null) return
    store.getState().change(t('Put both sides together'), () => merged)
    store.getState().rebase(theirs)
    setTheirs(null)
    void save()
  }
  const takeTheirs = () => {
    if (theirs === null) return
    store.getState().takeOver(theirs, t('Take theirs'))
    queryClient.setQueryData(getPipelineQueryKey({ path }), theirs)
    setTheirs(null)
    notify(t('The saved version is open. Undo brings yours back.'))
  }
  return { save, isSaving: mutation.isPending, theirs, closeConflict: () => setTheirs(null), keepMine, takeTheirs, putTogether }
}
