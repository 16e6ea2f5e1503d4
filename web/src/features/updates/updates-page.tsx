import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import type { UpdatePlan } from '@/api/gen'
import { changeUpdate } from '@/api/gen'
import { listUpdateNodesQueryKey, listUpdatesOptions, listUpdatesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { useTimeZone } from '@/lib/time-zone'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import { notifyError } from '@/ui/toast'
import { PlanNodes } from './plan-nodes'
import { UpdateDialog } from './update-dialog'

const POLL_MILLISECONDS = 5000

/** Which versions the nodes shall run, how many do, and what keeps the others. */
export function UpdatesPage() {
  useTimeZone()
  const path = useScope()
  const can = useCan()
  const queryClient = useQueryClient()
  const making = useDialog('update', can('node.update'))
  const overview = useQuery({ ...listUpdatesOptions({ path }), refetchInterval: POLL_MILLISECONDS })
  const refresh = () => {
    for (const key of [listUpdatesQueryKey({ path }), listUpdateNodesQueryKey({ path: { ...path, id: '' } }).slice(0, 1)]) {
      void queryClient.invalidateQueries({ queryKey: key })
    }
  }
  const releases = overview.data?.releases ?? []
  const make = can('node.update') && releases.length > 0 && (
    <Button variant="primary" onPress={() => making.open()}>
      <Plus aria-hidden size={14} />
      {t('New update')}
    </Button>
  )
  const index = overview.data
  return (
    <Page title={t('Updates')} actions={make}>
      {overview.isPending && <LoadingState />}
      {overview.error !== null && overview.data === undefined && <ErrorState error={overview.error} onRetry={() => void overview.refetch()} />}
      {index !== undefined && releases.length === 0 && (
        <EmptyState title={t('No releases were imported')}>
          {t('Whoever runs this server imports the signed index of releases with “vectorflow release import”. Nodes take nothing that it does not list.')}
        </EmptyState>
      )}
      {index !== undefined && releases.length > 0 && index.items.length === 0 && (
        <EmptyState title={t('No updates')} action={make}>
          {t('An update says which version the nodes of a group shall run, and asks some of them at a time.')}
        </EmptyState>
      )}
      <div className="flex flex-col gap-6">
        {index?.items.map((plan) => (
          <Plan key={plan.id} plan={plan} mayChange={can('node.update')} onChanged={refresh} />
        ))}
      </div>
      {typeof index?.index_number === 'number' && typeof index.index_expires_at === 'string' && (
        <p className="mt-6 text-sm text-secondary">
          {t('Releases: index {number}, valid until {until}; agents not below {minimum}.', {
            number: index.index_number,
            until: formatTime(index.index_expires_at),
            minimum: index.minimum ?? '',
          })}
        </p>
      )}
      {making.isOpen && releases.length > 0 && <UpdateDialog releases={releases} onClose={making.close} onDone={refresh} />}
    </Page>
  )
}

function Plan({ plan, mayChange, onChanged }: { plan: UpdatePlan; mayChange: boolean; onChanged: () => void }) {
  const path = useScope()
  const now = useNow(POLL_MILLISECONDS)
  const change = useMutation({
    mutationFn: async (state: 'running' | 'paused' | 'ended') => {
      await changeUpdate({ path: { ...path, id: plan.id }, body: { state }, throwOnError: true })
    },
    onSuccess: onChanged,
    onError: notifyError,
  })
  const done = plan.counts.done ?? 0
  const program = plan.program === 'agent' ? t('Agent') : t('Vector')
  const title = `${program} ${plan.target} · ${plan.group_name ?? t('all nodes')}`
  return (
    <section aria-label={title}>
      <div className="mb-2 flex flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="font-semibold [overflow-wrap:anywhere]">{title}</h2>
        <PlanState plan={plan} />
        <span className="text-secondary tabular-nums">{t('{done} of {nodes} nodes run it', { done, nodes: plan.nodes })}</span>
        <span className="text-sm text-secondary">
          {plan.unit === 'nodes' ? t('{step} at a time', { step: plan.step }) : t('{step} % at a time', { step: plan.step })}
          {' · '}
          {t('by {name}, {age}', { name: plan.created_by, age: formatAge(plan.created_at, now) })}
        </span>
        {mayChange && (
          <span className="ml-auto inline-flex gap-2">
            {plan.state === 'running' && (
              <Button isDisabled={change.isPending} onPress={() => change.mutate('paused')}>
                {t('Pause')}
              </Button>
            )}
            {plan.state === 'paused' && (
              <Button isDisabled={change.isPending} onPress={() => change.mutate('running')}>
                {t('Go on')}
              </Button>
            )}
            <Button variant="danger" isDisabled={change.isPending} onPress={() => change.mutate('ended')}>
              {t('End')}
            </Button>
          </span>
        )}
      </div>
      {plan.state === 'paused' && <p className="mb-2 [overflow-wrap:anywhere]">{plan.reason}</p>}
      <PlanNodes plan={plan} pollMilliseconds={POLL_MILLISECONDS} />
    </section>
  )
}

function PlanState({ plan }: { plan: UpdatePlan }) {
  if (plan.state === 'paused') return <StateBadge tone="warn" label={t('Paused')} paused />
  const isDone = plan.nodes > 0 && plan.counts.done === plan.nodes
  return isDone ? <StateBadge tone="good" label={t('Done')} /> : <StateBadge tone="unknown" label={t('Under way')} />
}
