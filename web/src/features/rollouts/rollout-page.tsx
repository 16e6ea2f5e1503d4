import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { Pause, Play, Undo2, X } from 'lucide-react'
import type { Rollout } from '@/api/gen'
import { cancelRollout, pauseRollout, resumeRollout, rollbackRollout } from '@/api/gen'
import { getRolloutOptions, getRolloutQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { useLiveState, useLiveTopic } from '@/features/live/hooks'
import { formatAge, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useTimeZone } from '@/lib/time-zone'
import { useNow } from '@/lib/now'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Facts, Page } from '@/ui/page'
import { ErrorState, LoadingState } from '@/ui/states'
import { notifyError } from '@/ui/toast'
import { Batches } from './batches'
import { RolloutNodes } from './rollout-nodes'
import { nodeCount, rolloutState } from './states'

const OPEN: Rollout['state'][] = ['running', 'paused', 'halted']

/** The course of a deploy: what each node itself reported, batch by batch. */
export function RolloutPage() {
  const { org, env } = useScope()
  const { rolloutId } = useParams({ from: '/signed-in/$org/$env/rollouts/$rolloutId' })
  const path = { org, env, id: rolloutId }
  const live = useLiveState()
  const rollout = useQuery({
    ...getRolloutOptions({ path }),
    staleTime: 0,
    // Live events say when to look; a slow poll stands behind them, a quicker one replaces them.
    refetchInterval: (query) =>
      query.state.data === undefined || OPEN.includes(query.state.data.state) ? (live === 'open' ? 10_000 : 2000) : false,
  })
  const reread = () => void rollout.refetch()
  useLiveTopic(`rollout:${rolloutId}`, reread, reread)
  const data = rollout.data
  if (data === undefined) {
    return (
      <Page title={t('Rollout')}>
        {rollout.error !== null ? <ErrorState error={rollout.error} onRetry={() => void rollout.refetch()} /> : <LoadingState />}
      </Page>
    )
  }
  return (
    <Page
      title={t('{name}, revision {revision}', { name: data.pipeline.name, revision: data.revision })}
      subtitle={<StateBadge {...rolloutState(data.state)} />}
      actions={<Actions rollout={data} />}
    >
      {data.reason !== null && data.reason !== '' && (
        <p className={`mb-4 rounded-md px-3 py-2 ${data.state === 'halted' ? 'bg-bad-tint text-bad' : 'bg-unknown-tint'}`}>{data.reason}</p>
      )}
      <Summary rollout={data} />
      <Batches rollout={data} />
      <RolloutNodes rollout={data} />
    </Page>
  )
}

function Summary({ rollout }: { rollout: Rollout }) {
  useTimeZone()
  const scope = useScope()
  const now = useNow()
  return (
    <Facts
      items={[
        [
          t('Pipeline'),
          <Link key="p" to="/$org/$env/pipelines/$pipelineId" params={{ ...scope, pipelineId: rollout.pipeline.id }} className="underline">
            {rollout.pipeline.name}
          </Link>,
        ],
        [t('Message'), rollout.message === '' ? '–' : rollout.message],
        [t('Started'), `${formatTime(rollout.created_at)} (${formatAge(rollout.created_at, now)})${rollout.created_by === null ? '' : ` · ${rollout.created_by}`}`],
        [t('Before'), rollout.previous_revision === null ? t('nothing ran') : t('revision {n}', { n: rollout.previous_revision })],
        [
          t('Progress'),
          t('{applied, number} of {n, plural, one {# node has} other {# nodes have}} applied it', { applied: rollout.counts.applied, n: nodeCount(rollout.counts) }),
        ],
      ]}
    />
  )
}

function Actions({ rollout }: { rollout: Rollout }) {
  const { org, env } = useScope()
  const can = useCan()
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const path = { org, env, id: rollout.id }
  const act = useMutation({
    mutationFn: async (call: typeof pauseRollout) => (await call({ path, throwOnError: true })).data,
    onSuccess: async (next) => {
      if (next.id === rollout.id) queryClient.setQueryData(getRolloutQueryKey({ path }), next)
      else await navigate({ to: '/$org/$env/rollouts/$rolloutId', params: { org, env, rolloutId: next.id } })
    },
    onError: notifyError,
  })
  if (!can('rollout.control') && !can('pipeline.deploy')) return null
  const busy = act.isPending
  const isOpen = OPEN.includes(rollout.state)
  return (
    <>
      {rollout.state === 'running' && (
        <Button isDisabled={busy} onPress={() => act.mutate(pauseRollout)}>
          <Pause aria-hidden size={14} />
          {t('Pause')}
        </Button>
      )}
      {(rollout.state === 'paused' || rollout.state === 'halted') && (
        <Button isDisabled={busy} onPress={() => act.mutate(resumeRollout)}>
          <Play aria-hidden size={14} />
          {t('Resume')}
        </Button>
      )}
      {isOpen && (
        <Button isDisabled={busy} onPress={() => act.mutate(cancelRollout)}>
          <X aria-hidden size={14} />
          {t('Cancel')}
        </Button>
      )}
      {rollout.previous_revision !== null && (
        <Button variant={rollout.state === 'halted' ? 'primary' : 'secondary'} isDisabled={busy} onPress={() => act.mutate(rollbackRollout as typeof pauseRollout)}>
          <Undo2 aria-hidden size={14} />
          {t('Roll back to revision {n}', { n: rollout.previous_revision })}
        </Button>
      )}
    </>
  )
}
