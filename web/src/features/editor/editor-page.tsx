import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ReactFlowProvider } from '@xyflow/react'
import { useDeferredValue, useMemo, useState } from 'react'
import type { Catalogue, Pipeline } from '@/api/gen'
import { readDocument, writeDocument } from '@/api/gen'
import { getCatalogueOptions, getPipelineOptions, getSessionOptions } from '@/api/gen/@tanstack/react-query.gen'
import type { Scope } from '@/app/scope'
import { useCan, useScope } from '@/app/scope'
import { RatesProvider } from '@/features/live/rates-context'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { ErrorState, LoadingState } from '@/ui/states'
import { CheckProvider } from './check-provider'
import type { EditorContextValue } from './context'
import { EditorContext } from './context'
import type { Kept } from './draft-storage'
import { loadKept, textKeep } from './draft-storage'
import { SpecIndex } from './graph/types'
import { createEditorStore, draftOf, stillUnsaved } from './store'
import type { Translator } from './text/session'
import { TextSession } from './text/session'
import { useRestore } from './use-restore'
import { Workbench } from './workbench'

const JUST_READ_MS = 2000

/** The editor of one pipeline; everything in it is made anew for another one. */
export function EditorPage() {
  const { org, env } = useScope()
  const { pipelineId } = useParams({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const pipeline = useQuery({
    ...getPipelineOptions({ path: { org, env, id: pipelineId } }),
    // What the route has just asked for is not asked again. The editor holds its own copy; a conflict is found when saving.
    staleTime: JUST_READ_MS,
    refetchOnWindowFocus: false,
  })
  const catalogue = useQuery({ ...getCatalogueOptions(), staleTime: Infinity })
  const account = useQuery(getSessionOptions()).data?.account.id
  const kept = useQuery({
    queryKey: ['kept', account, pipelineId],
    queryFn: () => loadKept(account ?? '', pipelineId),
    enabled: account !== undefined,
    // Read once for each time that the editor is opened.
    gcTime: 0,
    staleTime: Infinity,
  })
  const error = pipeline.error ?? catalogue.error
  const retry = () => {
    void pipeline.refetch()
    void catalogue.refetch()
  }
  // It was fresh when the page was opened; that it ages afterwards is no reason to leave the editor.
  const [justRead] = useState(pipeline.isStale ? null : pipelineId)
  const isReady = kept.data !== undefined && kept.isFetchedAfterMount && (justRead === pipelineId || pipeline.isFetchedAfterMount)
  // Drawn in small steps, so that the page answers while a large pipeline is put up.
  const isOpen = useDeferredValue(isReady, false)
  if (isReady && isOpen && pipeline.data !== undefined && catalogue.data !== undefined && account !== undefined) {
    return <Editor key={pipelineId} pipeline={pipeline.data} catalogue={catalogue.data} account={account} kept={kept.data} />
  }
  return (
    <main className="flex-1 px-6 py-4">
      {error !== null ? <ErrorState error={error} onRetry={retry} /> : <LoadingState rows={10} />}
    </main>
  )
}

function translator(path: Scope): Translator {
  return {
    write: async (document) => (await writeDocument({ path, body: { document }, throwOnError: true })).data.text,
    read: async (text, document) => (await readDocument({ path, body: { text, document }, throwOnError: true })).data,
  }
}

type EditorProps = { pipeline: Pipeline; catalogue: Catalogue; account: string; kept: Kept }

function Editor({ pipeline, catalogue, account, kept }: EditorProps) {
  const { org, env } = useScope()
  const can = useCan()
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  const { component } = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const specs = useMemo(() => new SpecIndex(catalogue), [catalogue])
  const [restored] = useState(() => stillUnsaved(kept.draft, pipeline))
  const [store] = useState(() => createEditorStore(pipeline, restored))
  const canEdit = can('pipeline.edit')
  const [text] = useState(() => new TextSession(store, translator({ org, env }), textKeep(account, pipeline.id, kept.text)))
  useRestore(store, canEdit)
  const [showsRestored, setShowsRestored] = useState(restored !== null)
  const value = useMemo<EditorContextValue>(
    () => ({
      store,
      specs,
      pipelineId: pipeline.id,
      canEdit,
      selected: component,
      text,
      select: (next, { keepPane } = { keepPane: false }) =>
        void navigate({
          // Choosing a component shows it; the other panes are one click away.
          search: (before) => ({ ...before, component: next, pane: keepPane ? (before.pane ?? 'yaml') : undefined, line: undefined }),
          replace: true,
        }),
    }),
    [store, specs, pipeline.id, canEdit, component, navigate, text],
  )
  const discard = () => {
    store.getState().change(t('Discard unsaved changes'), () => draftOf(pipeline))
    const saved = store.getState().draft
    store.setState({ saved, base: saved, etag: pipeline.etag })
    setShowsRestored(false)
  }
  return (
    <EditorContext value={value}>
      <RatesProvider pipelineId={pipeline.id}>
        <CheckProvider pipelineId={pipeline.id}>
          <ReactFlowProvider>
            <Workbench account={account}>
              {showsRestored && (
                <div role="status" className="flex items-center gap-3 border-b bg-warn-tint px-4 py-1.5">
                  <span className="flex-1">{t('Your unsaved changes from before the reload are back.')}</span>
                  <Button variant="quiet" onPress={discard}>
                    {t('Discard them')}
                  </Button>
                  <Button variant="quiet" onPress={() => setShowsRestored(false)}>
                    {t('Keep')}
                  </Button>
                </div>
              )}
            </Workbench>
          </ReactFlowProvider>
        </CheckProvider>
      </RatesProvider>
    </EditorContext>
  )
}
