import { Ellipsis } from 'lucide-react'
import { useState } from 'react'
import type { NodeDetail } from '@/api/gen'
import { cancelDecommission, decommissionNode, revokeNode, setLogLevel, setNodeMaintenance } from '@/api/gen'
import { getNodeQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog, useQuestion } from '@/app/dialogs'
import { useOptimistic } from '@/app/optimistic'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import type { MenuAction } from '@/ui/menu'
import { Menu } from '@/ui/menu'
import { Select } from '@/ui/select'
import { notify } from '@/ui/toast'
import { useNodeChange } from './use-node-change'

const AGENT = 'agent'
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const
const GONE = ['revoked', 'rejected', 'decommissioned']

/** What a person may have a node do. */
export function NodeActions({ node }: { node: NodeDetail }) {
  const can = useCan()
  const log = useDialog('log-level', can('node.manage'))
  const maintenance = useDialog('maintenance', can('maintenance.manage'))
  const decommission = useQuestion('decommission')
  const revoke = useQuestion('revoke')
  const change = useNodeChange(node.id, t('Done.'))
  const endMaintenance = useEndMaintenance(node.id)
  if (GONE.includes(node.status)) return null
  const actions: MenuAction[] = []
  const offer = (permission: string, id: string, label: string, onAction: () => void, danger = false) => {
    if (can(permission)) actions.push({ id, label, onAction, danger })
  }
  if (node.maintenance === null) offer('maintenance.manage', 'maintenance', t('Begin maintenance…'), () => maintenance.open())
  else {
    offer('maintenance.manage', 'maintenance', t('End maintenance'), () => endMaintenance.mutate())
  }
  if (node.status !== 'waiting') offer('node.manage', 'log', t('Log level…'), () => log.open())
  if (node.status === 'leaving') {
    offer('node.decommission', 'stay', t('Let it stay'), () => change.mutate((path) => cancelDecommission({ path, throwOnError: true })))
  } else if (node.status !== 'waiting') offer('node.decommission', 'leave', t('Decommission…'), () => decommission.open(), true)
  offer('node.manage', 'revoke', t('Revoke…'), () => revoke.open(), true)
  if (actions.length === 0) return null
  return (
    <>
      <Menu
        label={t('Actions')}
        actions={actions}
        trigger={
          <Button>
            <Ellipsis aria-hidden size={14} />
            {t('Actions')}
          </Button>
        }
      />
      {log.isOpen && node.status !== 'waiting' && <LogLevelDialog node={node} onClose={log.close} />}
      {maintenance.isOpen && node.maintenance === null && <MaintenanceDialog node={node} onClose={maintenance.close} />}
      {decommission.isOpen && <DecommissionDialog node={node} onClose={decommission.close} />}
      {revoke.isOpen && <RevokeDialog node={node} onClose={revoke.close} />}
    </>
  )
}

/** Shows the end at once; a beginning waits for the server, since somebody may then go and open the machine. */
function useEndMaintenance(id: string) {
  const path = { ...useScope(), id }
  return useOptimistic({
    queryKey: getNodeQueryKey({ path }),
    mutationFn: () => setNodeMaintenance({ path, body: { on: false }, throwOnError: true }),
    expect: (seen: NodeDetail) => ({ ...seen, maintenance: null, in_maintenance: false }),
    onSuccess: () => notify(t('Done.')),
  })
}

type NodeDialogProps = { node: NodeDetail; onClose: () => void }

function RevokeDialog({ node, onClose }: NodeDialogProps) {
  const change = useNodeChange(node.id, t('Done.'), onClose)
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Revoke {name}?', { name: node.name })}
      confirmLabel={t('Revoke')}
      isPending={change.isPending}
      onConfirm={() => change.mutate((path, etag) => revokeNode({ path, headers: { 'If-Match': etag }, throwOnError: true }))}
    >
      <p>{t('Its token stops working at once. What runs there goes on until somebody stops it on the machine.')}</p>
    </ConfirmDialog>
  )
}

function LogLevelDialog({ node, onClose }: NodeDialogProps) {
  const [level, setLevel] = useState<(typeof LEVELS)[number]>('info')
  const [pipeline, setPipeline] = useState(AGENT)
  const [minutes, setMinutes] = useState('60')
  const change = useNodeChange(node.id, t('The node was asked.'), onClose)
  const body = { level, minutes: Number(minutes), ...(pipeline === AGENT ? {} : { pipeline_id: pipeline }) }
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Log level of {name}', { name: node.name })}
      confirmLabel={t('Ask the node')}
      isHarmless
      isPending={change.isPending}
      onConfirm={() => change.mutate((path) => setLogLevel({ path, body, throwOnError: true }))}
    >
      <div className="flex flex-col gap-3">
        <Select
          label={t('Whose')}
          value={pipeline}
          onChange={setPipeline}
          choices={[{ id: AGENT, label: t('The agent’s own lines') }, ...node.assignments.map((each) => ({ id: each.pipeline.id, label: t('Lines of {name}', { name: each.pipeline.name }) }))]}
        />
        <Select
          label={t('Level')}
          value={level}
          onChange={(value) => setLevel(LEVELS.find((each) => each === value) ?? 'info')}
          choices={LEVELS.map((id) => ({ id, label: id }))}
        />
        <Select
          label={t('For')}
          value={minutes}
          onChange={setMinutes}
          choices={[
            { id: '10', label: t('10 minutes') },
            { id: '60', label: t('1 hour') },
            { id: '1440', label: t('1 day') },
            { id: '0', label: t('Until told otherwise') },
          ]}
        />
      </div>
    </ConfirmDialog>
  )
}

function MaintenanceDialog({ node, onClose }: NodeDialogProps) {
  const [hours, setHours] = useState('4')
  const [note, setNote] = useState('')
  const change = useNodeChange(node.id, t('Maintenance has begun.'), onClose)
  const begin = () => {
    const until = hours === '0' ? null : new Date(Date.now() + Number(hours) * 3_600_000).toISOString()
    change.mutate((path) => setNodeMaintenance({ path, body: { on: true, until, note }, throwOnError: true }))
  }
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Maintenance of {name}', { name: node.name })}
      confirmLabel={t('Begin')}
      isHarmless
      isPending={change.isPending}
      onConfirm={begin}
    >
      <div className="flex flex-col gap-3">
        <p>{t('No rollout starts on this node until it ends. What runs goes on.')}</p>
        <Select
          label={t('For')}
          value={hours}
          onChange={setHours}
          choices={[
            { id: '1', label: t('1 hour') },
            { id: '4', label: t('4 hours') },
            { id: '24', label: t('1 day') },
            { id: '0', label: t('Until somebody ends it') },
          ]}
        />
        <TextField label={t('Why')} value={note} onChange={setNote} maxLength={500} />
      </div>
    </ConfirmDialog>
  )
}

function DecommissionDialog({ node, onClose }: NodeDialogProps) {
  const [engines, setEngines] = useState<'keep' | 'stop'>('keep')
  const change = useNodeChange(node.id, t('The node is told to leave.'), onClose)
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Decommission {name}?', { name: node.name })}
      confirmLabel={t('Decommission')}
      isPending={change.isPending}
      onConfirm={() =>
        change.mutate((path, etag) => decommissionNode({ path, body: { engines }, headers: { 'If-Match': etag }, throwOnError: true }))
      }
    >
      <div className="flex flex-col gap-3">
        <p>{t('It removes its configurations, secrets, keys and token, and says so. Until it has said so its wipe is pending.')}</p>
        <Select
          label={t('What runs there')}
          value={engines}
          onChange={(value) => setEngines(value === 'stop' ? 'stop' : 'keep')}
          choices={[
            { id: 'keep', label: t('goes on, on its own') },
            { id: 'stop', label: t('is drained and stopped') },
          ]}
        />
      </div>
    </ConfirmDialog>
  )
}
