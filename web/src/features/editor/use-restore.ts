import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect } from 'react'
import { getRevision } from '@/api/gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { notify, notifyError } from '@/ui/toast'
import { withPlaces } from './graph/layout'
import { wholeDocument } from './graph/types'
import type { EditorStore } from './store'

/** Brings the revision that the address names into the draft, as one step to undo; nothing is saved by it. */
export function useRestore(store: EditorStore, canEdit: boolean): void {
  const { org, env } = useScope()
  const { pipelineId } = useParams({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const { restore } = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  useEffect(() => {
    if (restore === undefined || !canEdit) return undefined
    const wanted = new AbortController()
    const bring = async () => {
      try {
        const { data } = await getRevision({ path: { org, env, id: pipelineId, number: restore }, signal: wanted.signal, throwOnError: true })
        const document = withPlaces(wholeDocument(data.document))
        store.getState().change(t('Restore revision {number}', { number: restore }), (draft) => ({ ...draft, document }))
        notify(t('Revision {number} is in the draft. Save to keep it, or undo.', { number: restore }))
      } catch (error) {
        if (!wanted.signal.aborted) notifyError(error)
      }
      // A reload must not bring it a second time.
      if (!wanted.signal.aborted) await navigate({ search: (before) => ({ ...before, restore: undefined }), replace: true })
    }
    void bring()
    return () => wanted.abort()
  }, [restore, canEdit, org, env, pipelineId, store, navigate])
}
