import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { Copy, Trash2 } from 'lucide-react'
import { useEffect, useState } from 'react'
import type { TemplateListed } from '@/api/gen'
import { createPipeline, deleteTemplate, listPipelines, renderTemplate, writeDocument } from '@/api/gen'
import { listPipelinesQueryKey, listTemplatesOptions, listTemplatesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { wholeDocument } from '@/features/editor/graph/types'
import { copyName } from '@/features/pipelines/copy-name'
import { GraphPreview } from '@/features/pipelines/graph-preview'
import { t } from '@/lib/i18n'
import { ApiError } from '@/lib/problem'
import { Tag } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Page, Section } from '@/ui/page'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import { notify, notifyError } from '@/ui/toast'
import { ParameterField } from './parameter-field'
import type { Values } from './values'
import { initialValues, missing, previewed, sent } from './values'

const PAUSE_MS = 300

/** One template: what it does, how it looks, and the form that makes a pipeline of it. */
export function TemplatePage() {
  const { org, env } = useScope()
  const { templateId } = useParams({ from: '/signed-in/$org/$env/templates/$templateId' })
  const list = useQuery({ ...listTemplatesOptions({ path: { org, env } }), staleTime: 60_000 })
  const template = list.data?.items.find((each) => each.id === templateId)
  if (template !== undefined) return <Chosen key={templateId} template={template} />
  return (
    <Page title={t('Template')}>
      {list.isPending && <LoadingState />}
      {list.error !== null && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && <EmptyState title={t('There is no such template')}>{t('It may have been deleted. The gallery has others.')}</EmptyState>}
    </Page>
  )
}

/** The values a little after they changed. */
function useSettled(values: Values): Values {
  const [settled, setSettled] = useState(values)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(values), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [values])
  return settled
}

function usePreview(template: TemplateListed, values: Values) {
  const { org, env } = useScope()
  const can = useCan()
  const parameters = previewed(template, useSettled(values))
  return useQuery({
    queryKey: ['template', org, env, template.id, parameters],
    enabled: can('pipeline.edit'),
    queryFn: async ({ signal }) =>
      wholeDocument((await renderTemplate({ path: { org, env, id: template.id }, body: { parameters }, signal, throwOnError: true })).data.document),
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  })
}

/** What the server says about each parameter. */
function refusals(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {}
  return Object.fromEntries((error.problem?.errors ?? []).map(({ field, message }) => [field.replace(/^parameters\./, ''), message]))
}

function Chosen({ template }: { template: TemplateListed }) {
  const { org, env } = useScope()
  const can = useCan()
  const [values, setValues] = useState<Values>(() => initialValues(template))
  const preview = usePreview(template, values)
  const refused = refusals(preview.error)
  const copy = useMutation({
    mutationFn: async () => {
      const { data } = await renderTemplate({ path: { org, env, id: template.id }, body: { parameters: previewed(template, values) }, throwOnError: true })
      const { data: written } = await writeDocument({ path: { org, env }, body: { document: data.document }, throwOnError: true })
      await navigator.clipboard.writeText(written.text)
    },
    onSuccess: () => notify(t('Copied. Paste it onto the canvas of any pipeline.')),
    onError: notifyError,
  })
  const actions = (
    <>
      {can('pipeline.edit') && (
        <Button isDisabled={copy.isPending} onPress={() => copy.mutate()}>
          <Copy aria-hidden size={14} />
          {t('Copy as YAML')}
        </Button>
      )}
      {template.category === 'own' && can('library.edit') && <DeleteButton template={template} />}
    </>
  )
  return (
    <Page title={template.title} subtitle={template.summary} actions={actions}>
      <div className="grid gap-x-8 gap-y-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0">
          {template.about !== '' && <p className="max-w-prose">{template.about}</p>}
          <div className="mt-2 flex flex-wrap gap-1.5">
            {template.tags.map((tag) => (
              <Tag key={tag}>{tag}</Tag>
            ))}
          </div>
          <Section title={t('What it makes')}>
            {preview.data !== undefined && (
              <div className="overflow-x-auto rounded-lg border bg-sunken p-2" tabIndex={0} role="group" aria-label={t('Preview')}>
                <GraphPreview document={preview.data} className="min-w-[32rem]" />
              </div>
            )}
            {preview.isPending && preview.fetchStatus !== 'idle' && <LoadingState rows={3} />}
            {preview.data !== undefined && preview.data.tests.length > 0 && (
              <p className="mt-2 text-sm text-secondary">
                {t('{n, plural, one {# unit test comes} other {# unit tests come}} with it, and {n, plural, one {runs} other {run}} in the editor.', { n: preview.data.tests.length })}
              </p>
            )}
            <Notes notes={preview.data?.components ?? []} />
          </Section>
        </div>
        {can('pipeline.edit') && <Form template={template} values={values} refused={refused} onChange={(name, value) => setValues((before) => ({ ...before, [name]: value }))} />}
      </div>
    </Page>
  )
}

function Notes({ notes }: { notes: { id: string; comment: string }[] }) {
  const said = notes.filter(({ comment }) => comment !== '')
  if (said.length === 0) return null
  return (
    <dl className="mt-3 flex flex-col gap-1">
      {said.map(({ id, comment }) => (
        <div key={id} className="flex flex-wrap items-baseline gap-x-2">
          <dt className="font-mono text-sm">{id}</dt>
          <dd className="text-secondary">{comment}</dd>
        </div>
      ))}
    </dl>
  )
}

type FormProps = { template: TemplateListed; values: Values; refused: Record<string, string>; onChange: (name: string, value: unknown) => void }

function Form({ template, values, refused, onChange }: FormProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const [name, setName] = useState(template.title)
  const open = missing(template, values)
  const create = useMutation({
    mutationFn: async () => {
      const { data } = await renderTemplate({ path: { ...path, id: template.id }, body: { parameters: sent(template, values) }, throwOnError: true })
      const { data: found } = await listPipelines({ path, query: { q: name.trim(), limit: 200 }, throwOnError: true })
      const taken = found.items.map((each) => each.name)
      const free = taken.includes(name.trim()) ? copyName(name.trim(), taken) : name.trim()
      return (await createPipeline({ path, body: { name: free, description: template.summary, document: data.document }, throwOnError: true })).data
    },
    onSuccess: async (made) => {
      void queryClient.invalidateQueries({ queryKey: listPipelinesQueryKey({ path }).slice(0, 1) })
      await navigate({ to: '/$org/$env/pipelines/$pipelineId', params: { ...path, pipelineId: made.id } })
    },
  })
  const failed = refusals(create.error)
  return (
    <form
      aria-label={t('New pipeline')}
      className="flex min-w-0 flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        if (open.length === 0 && name.trim() !== '') create.mutate()
      }}
    >
      <TextField label={t('Name of the pipeline')} value={name} onChange={setName} maxLength={100} />
      {template.parameters.map((each) => (
        <ParameterField key={each.name} parameter={each} value={values[each.name]} error={failed[each.name] ?? refused[each.name]} onChange={(value) => onChange(each.name, value)} />
      ))}
      {create.error !== null && <InlineError error={create.error} />}
      <div className="flex items-center gap-3">
        <Button type="submit" variant="primary" isDisabled={open.length > 0 || name.trim() === '' || create.isPending}>
          {t('Create pipeline')}
        </Button>
        {open.length > 0 && <span className="text-sm text-secondary">{t('{n, plural, one {# value is} other {# values are}} still needed.', { n: open.length })}</span>}
      </div>
    </form>
  )
}

function DeleteButton({ template }: { template: TemplateListed }) {
  const { org, env } = useScope()
  const path = { org, env }
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const asking = useQuestion('delete')
  const remove = useMutation({
    mutationFn: () => deleteTemplate({ path: { ...path, id: template.id }, throwOnError: true }),
    onSuccess: async () => {
      await navigate({ to: '/$org/$env/templates', params: path, replace: true })
      void queryClient.invalidateQueries({ queryKey: listTemplatesQueryKey({ path }) })
      notify(t('{name} is deleted.', { name: template.title }))
    },
  })
  return (
    <>
      <Button variant="danger" onPress={() => asking.open()}>
        <Trash2 aria-hidden size={14} />
        {t('Delete…')}
      </Button>
      <ConfirmDialog isOpen={asking.isOpen} onClose={asking.close} title={t('Delete {name}?', { name: template.title })} confirmLabel={t('Delete')} isPending={remove.isPending} onConfirm={() => remove.mutate()}>
        <p>{t('Pipelines that were made with it stay as they are.')}</p>
        {remove.error !== null && <InlineError error={remove.error} />}
      </ConfirmDialog>
    </>
  )
}
