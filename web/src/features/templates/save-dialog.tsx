import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { PipelineSummary } from '@/api/gen'
import { createTemplate } from '@/api/gen'
import { getCatalogueOptions, getPipelineOptions, listTemplatesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'
import { SpecIndex, wholeDocument } from '@/features/editor/graph/types'
import { candidates, parametrised } from './own-parameters'
import type { Names } from './parameter-choice'
import { nameRefusal, ParameterChoice } from './parameter-choice'

/** Keeps a pipeline's draft as a template of the organisation, without its credentials. */
export function SaveTemplateDialog({ pipeline, onClose }: { pipeline: PipelineSummary; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(pipeline.name)
  const [summary, setSummary] = useState(pipeline.description)
  const [names, setNames] = useState<Names>(new Map())
  const draft = useQuery({ ...getPipelineOptions({ path: { ...path, id: pipeline.id } }), staleTime: 0 })
  const catalogue = useQuery({ ...getCatalogueOptions(), staleTime: Infinity })
  const document = useMemo(() => (draft.data === undefined ? undefined : wholeDocument(draft.data.document)), [draft.data])
  const found = useMemo(() => (document === undefined || catalogue.data === undefined ? [] : candidates(document, new SpecIndex(catalogue.data))), [document, catalogue.data])
  const taken = document?.variables ?? {}
  const isBad = [...names].some(([key, each]) => nameRefusal(each, key, names, taken) !== undefined)
  const keep = useMutation({
    mutationFn: async () => {
      if (document === undefined) throw new Error(t('The pipeline is not read yet.'))
      const chosen = found.flatMap((candidate) => {
        const named = names.get(candidate.key)
        return named === undefined ? [] : [{ candidate, name: named }]
      })
      return (await createTemplate({ path, body: { name: name.trim(), summary, document: parametrised(document, chosen) }, throwOnError: true })).data
    },
    onSuccess: ({ removed }) => {
      void queryClient.invalidateQueries({ queryKey: listTemplatesQueryKey({ path }) })
      notify(
        removed.length === 0
          ? t('{name} is in the gallery now.', { name: name.trim() })
          : t('{name} is in the gallery now, without the credentials of {places}.', { name: name.trim(), places: removed.join(', ') }),
      )
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name.trim() === '' || isBad || document === undefined || keep.isPending} onPress={() => keep.mutate()}>
        {t('Save as template')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Save as template')} isOpen onClose={onClose} width="wide" footer={footer}>
      <div className="flex flex-col gap-3">
        <p className="text-secondary">{t('Everybody in the organisation finds it in the gallery. Credentials that stand in the draft are left out; references to secrets stay.')}</p>
        <TextField label={t('Name')} value={name} onChange={setName} maxLength={100} autoFocus />
        <TextField label={t('What it is for')} value={summary} onChange={setSummary} rows={2} maxLength={500} />
        {draft.error !== null && <InlineError error={draft.error} />}
        {found.length > 0 && <ParameterChoice candidates={found} names={names} taken={taken} onChange={setNames} />}
        {Object.keys(taken).length > 0 && (
          <p className="text-sm text-secondary">{t('The variables of the pipeline are parameters as well: {names}', { names: Object.keys(taken).join(', ') })}</p>
        )}
        {keep.error !== null && <InlineError error={keep.error} />}
      </div>
    </Dialog>
  )
}
