import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { Rocket } from 'lucide-react'
import { useState } from 'react'
import type { DryRun, PipelineSummary, Rollout } from '@/api/gen'
import { createRollout } from '@/api/gen'
import { getPipelineOptions, getSessionOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { loadKept } from '@/features/editor/draft-storage'
import { FindingLine } from '@/ui/finding-line'
import { t } from '@/lib/i18n'
import { Button, buttonClass } from '@/ui/button'
import { TextField } from '@/ui/field'
import { LazyDiff } from '@/ui/lazy-diff'
import { Page, Section } from '@/ui/page'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import { ChangeList } from './change-list'
import { TextDiff } from './text-diff'
import { AS_BEFORE, TargetSelect, targetBody } from './target-select'
import { useVersions } from './use-versions'

/** What a deploy would change, on which nodes, with which checks; then the deploy itself. */
export function DeployPage() {
  const { org, env } = useScope()
  const { pipelineId } = useParams({ from: '/signed-in/$org/$env/pipelines/$pipelineId/deploy' })
  const { revision, target = AS_BEFORE } = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId/deploy' })
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId/deploy' })
  const path = { org, env, id: pipelineId }
  const setTarget = (next: string) => void navigate({ search: (before) => ({ ...before, target: next === AS_BEFORE ? undefined : next }), replace: true })
  const pipeline = useQuery({ ...getPipelineOptions({ path }), staleTime: 0 })
  const plan = useQuery({
    queryKey: ['deploy-plan', org, env, pipelineId, revision, target],
    staleTime: 0,
    gcTime: 0,
    queryFn: async () => {
      const { data } = await createRollout({
        path,
        query: { dry_run: true },
        body: { revision: revision ?? null, message: '', batch_size: null, ...targetBody(target) },
        throwOnError: true,
      })
      return data as DryRun
    },
  })
  const name = pipeline.data?.name ?? ''
  return (
    <Page
      title={revision === undefined ? t('Deploy {name}', { name }) : t('Deploy revision {revision} of {name}', { revision, name })}
      actions={
        <Link to="/$org/$env/pipelines/$pipelineId" params={{ org, env, pipelineId }} className={buttonClass('quiet')}>
          {t('Back to the editor')}
        </Link>
      }
    >
      <UnsavedNote pipelineId={pipelineId} />
      <TargetSelect value={target} onChange={setTarget} />
      {plan.isPending && <LoadingState />}
      {plan.error !== null && <ErrorState error={plan.error} onRetry={() => void plan.refetch()} />}
      {plan.data !== undefined && pipeline.data !== undefined && (
        <Plan plan={plan.data} pipeline={pipeline.data} revision={revision ?? null} target={target} />
      )}
    </Page>
  )
}

function UnsavedNote({ pipelineId }: { pipelineId: string }) {
  const account = useQuery(getSessionOptions()).data?.account.id ?? ''
  const kept = useQuery({ queryKey: ['kept', account, pipelineId], queryFn: () => loadKept(account, pipelineId), enabled: account !== '', gcTime: 0 })
  if (kept.data?.draft == null) return null
  return (
    <p role="status" className="mb-4 rounded-md bg-warn-tint px-3 py-2 text-warn">
      {t('This tab holds changes that are not saved. They are not part of this deploy.')}
    </p>
  )
}

type VersionsProps = { plan: DryRun; pipeline: PipelineSummary; revision: number | null }
type PlanProps = VersionsProps & { target: string }

function Plan({ plan, pipeline, revision, target }: PlanProps) {
  const errors = plan.findings.filter((each) => each.severity === 'error')
  return (
    <div className="grid gap-x-10 lg:grid-cols-[minmax(0,1fr)_300px]">
      <div className="min-w-0">
        <Section title={t('What changes')}>
          <ChangeList changes={plan.changes} />
        </Section>
        <Section title={t('Configuration')}>
          <ConfigurationDiff plan={plan} pipeline={pipeline} revision={revision} />
        </Section>
      </div>
      <aside>
        <Section title={t('Checks')}>
          {plan.findings.length === 0 && <p className="text-good">{t('All checks passed.')}</p>}
          <div className="flex flex-col gap-1.5">
            {plan.findings.map((finding, index) => (
              <FindingLine key={index} finding={finding} />
            ))}
          </div>
        </Section>
        <Targets plan={plan} />
        <DeployForm plan={plan} pipelineId={pipeline.id} revision={revision} target={target} isBlocked={errors.length > 0} />
      </aside>
    </div>
  )
}

function ConfigurationDiff({ plan, pipeline, revision }: VersionsProps) {
  const to = revision === null ? 'draft' : String(revision)
  if (plan.before === null) return <TextDiff text={plan.text ?? ''} />
  return <VersionDiff plan={plan} pipelineId={pipeline.id} from={String(plan.before)} to={to} />
}

function VersionDiff({ plan, pipelineId, from, to }: { plan: DryRun; pipelineId: string; from: string; to: string }) {
  const versions = useVersions(pipelineId, from, to)
  if (versions.isPending) return <LoadingState rows={4} />
  // The plan's own text is the fallback: the same difference, in one column.
  if (versions.data === undefined) return <TextDiff text={plan.text ?? ''} />
  return (
    <LazyDiff
      before={versions.data.before}
      after={versions.data.after}
      beforeLabel={t('Deployed: revision {from}', { from })}
      afterLabel={to === 'draft' ? t('Draft') : t('Revision {to}', { to })}
    />
  )
}

function handoverWords(handover: string | null): string | null {
  switch (handover) {
    case 'beside':
      return t('The new revision starts beside the old one and takes over once it is healthy.')
    case 'reload':
      return t('The engine reloads its configuration; what did not change keeps running.')
    case 'restart':
      return t('The engine drains, stops and starts again. If the new revision does not start, the old one does.')
    default:
      return null
  }
}

function Targets({ plan }: { plan: DryRun }) {
  const words = handoverWords(plan.handover)
  return (
    <Section title={t('Nodes')}>
      {plan.nodes.length === 0 && (
        <EmptyState title={t('No node here')}>{t('Enrol a node first; a deploy reaches the nodes that exist.')}</EmptyState>
      )}
      <ul className="max-h-60 overflow-auto">
        {plan.nodes.map((node) => (
          <li key={node.id} className="flex flex-wrap items-baseline justify-between gap-x-3 py-0.5">
            <span className="min-w-0 font-mono text-sm [overflow-wrap:anywhere]">{node.name}</span>
            <span className="ml-auto text-sm text-secondary tabular-nums">
              {node.in_maintenance && `${t('under maintenance')} · `}
              {node.current_revision === null ? t('new') : t('assigned revision {revision}', { revision: node.current_revision })}
            </span>
          </li>
        ))}
      </ul>
      {words !== null && <p className="mt-2 text-sm text-secondary">{words}</p>}
    </Section>
  )
}

type DeployFormProps = { plan: DryRun; pipelineId: string; revision: number | null; target: string; isBlocked: boolean }

function DeployForm({ plan, pipelineId, revision, target, isBlocked }: DeployFormProps) {
  const { org, env } = useScope()
  const can = useCan()
  const navigate = useNavigate()
  const [message, setMessage] = useState('')
  const [batch, setBatch] = useState('')
  const size = Number(batch)
  const isBadBatch = batch !== '' && (!Number.isInteger(size) || size < 1)
  const deploy = useMutation({
    mutationFn: async () => {
      const { data } = await createRollout({
        path: { org, env, id: pipelineId },
        body: { revision, message, batch_size: batch === '' ? null : size, ...targetBody(target) },
        throwOnError: true,
      })
      return data as Rollout
    },
    onSuccess: (rollout) => navigate({ to: '/$org/$env/rollouts/$rolloutId', params: { org, env, rolloutId: rollout.id } }),
  })
  const refusal = !can('pipeline.deploy')
    ? t('You may not deploy in this environment.')
    : isBlocked
      ? t('Errors must be settled before a deploy.')
      : plan.nodes.length === 0
        ? t('There is no node to deploy to.')
        : null
  return (
    <Section title={t('Deploy')}>
      <div className="flex flex-col gap-3">
        <TextField label={t('Message')} value={message} onChange={setMessage} rows={2} maxLength={500} hint={t('Why this change goes out; it stays with the revision.')} />
        <TextField
          label={t('Nodes in the first batch')}
          value={batch}
          onChange={setBatch}
          placeholder={t('all at once')}
          hint={t('Each later batch is three times as large. The first refusal, crash or silence halts it.')}
          error={isBadBatch ? t('A whole number, 1 or more.') : undefined}
        />
        {deploy.error !== null && <InlineError error={deploy.error} />}
        <Button variant="primary" isDisabled={refusal !== null || isBadBatch || deploy.isPending} onPress={() => deploy.mutate()}>
          <Rocket aria-hidden size={14} />
          {t('Deploy to {n, plural, one {# node} other {# nodes}}', { n: plan.nodes.length })}
        </Button>
        {refusal !== null && <p className="text-sm text-secondary">{refusal}</p>}
      </div>
    </Section>
  )
}
