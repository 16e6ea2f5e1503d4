import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { NodeDetail } from '@/api/gen'
import { admitNode, decideDuplicate, rejectNode } from '@/api/gen'
import { useCan, useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useTimeZone } from '@/lib/time-zone'
import { Button } from '@/ui/button'
import { useNodeChange } from './use-node-change'

function Notice({ children, actions }: { children: ReactNode; actions?: ReactNode }) {
  return (
    <div className="mb-4 flex flex-wrap items-center gap-3 rounded-md bg-warn-tint px-3 py-2 text-warn">
      <p className="min-w-0 flex-1">{children}</p>
      {actions}
    </div>
  )
}

/** What about a node waits for a person, or for the node itself. */
export function Decisions({ node }: { node: NodeDetail }) {
  useTimeZone()
  const can = useCan()
  const { org, env } = useScope()
  const change = useNodeChange(node.id, t('Decided.'))
  const { duplicate, maintenance } = node
  const decide = (decision: 'keep' | 'merge') => change.mutate((path) => decideDuplicate({ path, body: { decision }, throwOnError: true }))
  return (
    <>
      {node.status === 'waiting' && (
        <Notice
          actions={
            can('node.admit') && (
              <>
                <Button variant="primary" isDisabled={change.isPending} onPress={() => change.mutate((path) => admitNode({ path, throwOnError: true }))}>
                  {t('Admit')}
                </Button>
                <Button variant="danger" isDisabled={change.isPending} onPress={() => change.mutate((path) => rejectNode({ path, throwOnError: true }))}>
                  {t('Reject')}
                </Button>
              </>
            )
          }
        >
          {t('This node waits to be admitted. Until then it gets no configuration and no secret.')}
        </Notice>
      )}
      {duplicate !== null && (
        <Notice
          actions={
            can('node.admit') && (
              <>
                {duplicate.of !== null && (
                  <Button isDisabled={change.isPending} onPress={() => decide('merge')}>
                    {t('It is that machine: take its place')}
                  </Button>
                )}
                <Button isDisabled={change.isPending} onPress={() => decide('keep')}>
                  {duplicate.of === null ? t('Keep the newest') : t('It is another machine: keep both')}
                </Button>
              </>
            )
          }
        >
          {duplicate.of === null ? (
            t('Two machines speak as this node. Both go on. If you keep the newest, the other has to be enrolled anew.')
          ) : (
            <>
              {duplicate.reason === 'clone' ? t('It came with a copy of the identity of') : t('It has the same machine id as')}{' '}
              <Link to="/$org/$env/nodes/$nodeId" params={{ org, env, nodeId: duplicate.of }} className="underline">
                {duplicate.name ?? duplicate.of}
              </Link>
              .
            </>
          )}
        </Notice>
      )}
      {node.leaving_since !== null && node.status === 'leaving' && (
        <Notice>{t('It was told to leave at {time} and has not said yet that it did.', { time: formatTime(node.leaving_since) })}</Notice>
      )}
      {node.in_maintenance && (
        <Notice>
          {maintenance === null
            ? t('Under maintenance by one of its groups: no rollout starts here.')
            : t('Under maintenance {until}: no rollout starts here. {note}', {
                until: maintenance.until === null ? t('until somebody ends it') : t('until {time}', { time: formatTime(maintenance.until) }),
                note: maintenance.note,
              })}
        </Notice>
      )}
    </>
  )
}
