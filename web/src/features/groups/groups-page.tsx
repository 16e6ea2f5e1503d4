import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import type { NodeGroup } from '@/api/gen'
import { deleteGroup, setGroupMaintenance } from '@/api/gen'
import { listGroupsOptions, listGroupsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { Menu } from '@/ui/menu'
import { Page, Section } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notifyError } from '@/ui/toast'
import { DriftList } from './drift'
import { FleetSettingsForm } from './fleet-settings'
import { GroupDialog } from './group-dialog'

type Asked = { what: 'edit'; group: NodeGroup | null } | { what: 'delete'; group: NodeGroup } | null

function windowsLabel(group: NodeGroup): string {
  return group.windows.map(({ days, start, minutes }) => `${days.join(' ')} ${start} +${minutes} min`).join('; ')
}

/** Groups of nodes, what differs from whom pipelines are for, and when silent nodes are let go. */
export function GroupsPage() {
  const path = useScope()
  const can = useCan()
  const queryClient = useQueryClient()
  const groups = useQuery(listGroupsOptions({ path }))
  const [asked, setAsked] = useState<Asked>(null)
  const refresh = () => void queryClient.invalidateQueries({ queryKey: listGroupsQueryKey({ path }) })
  const close = () => setAsked(null)
  const remove = useMutation({
    mutationFn: async ({ id, etag }: NodeGroup) => deleteGroup({ path: { ...path, id }, headers: { 'If-Match': etag }, throwOnError: true }),
    onSuccess: () => {
      close()
      refresh()
    },
    onError: notifyError,
  })
  const maintain = useMutation({
    mutationFn: async ({ id, maintenance }: NodeGroup) =>
      setGroupMaintenance({ path: { ...path, id }, body: { on: maintenance === null }, throwOnError: true }),
    onSuccess: refresh,
    onError: notifyError,
  })
  const columns: Column<NodeGroup>[] = [
    {
      key: 'name',
      title: t('Group'),
      render: (row) => (
        <div className="py-1">
          <Link to="/$org/$env/nodes" params={path} search={{ group: row.id }} className="font-medium [overflow-wrap:anywhere] hover:underline">
            {row.name}
          </Link>
          {row.description !== '' && <div className="text-sm text-secondary">{row.description}</div>}
        </div>
      ),
    },
    { key: 'selector', title: t('Labels'), render: (row) => <code className="text-sm [overflow-wrap:anywhere]">{row.selector === '' ? t('every node') : row.selector}</code> },
    { key: 'nodes', title: t('Nodes'), align: 'right', render: (row) => row.nodes },
    { key: 'pipelines', title: t('Pipelines'), align: 'right', wideOnly: true, render: (row) => row.pipelines },
    {
      key: 'maintenance',
      title: t('Maintenance'),
      wideOnly: true,
      render: (row) => (
        <div>
          {row.in_maintenance && <StateBadge tone="warn" label={t('now')} />}
          {row.windows.length > 0 && <div className="text-sm text-secondary">{`${windowsLabel(row)} (${row.timezone})`}</div>}
        </div>
      ),
    },
    { key: 'action', title: '', align: 'right', render: (row) => <GroupMenu group={row} onAsk={setAsked} onMaintain={() => maintain.mutate(row)} /> },
  ]
  const make = can('group.manage') && (
    <Button variant="primary" onPress={() => setAsked({ what: 'edit', group: null })}>
      <Plus aria-hidden size={14} />
      {t('New group')}
    </Button>
  )
  const items = groups.data?.items ?? []
  return (
    <Page title={t('Groups')} actions={make}>
      <DriftList />
      {groups.isPending && <LoadingState />}
      {groups.error !== null && <ErrorState error={groups.error} onRetry={() => void groups.refetch()} />}
      {groups.isSuccess && items.length === 0 && (
        <EmptyState title={t('No groups yet')} action={make}>
          {t('A group finds nodes by their labels. Deploy a pipeline to it, or put all its nodes under maintenance at once.')}
        </EmptyState>
      )}
      {items.length > 0 && <Table label={t('Groups')} columns={columns} rows={items} rowKey={(row) => row.id} />}
      <div className="mt-8">
        <Section title={t('Silent nodes')}>
          <FleetSettingsForm />
        </Section>
      </div>
      {asked?.what === 'edit' && <GroupDialog group={asked.group} onClose={close} onDone={refresh} />}
      <ConfirmDialog
        isOpen={asked?.what === 'delete'}
        onClose={close}
        title={t('Delete {name}?', { name: asked?.group?.name ?? '' })}
        confirmLabel={t('Delete')}
        isPending={remove.isPending}
        onConfirm={() => asked?.what === 'delete' && remove.mutate(asked.group)}
      >
        <p>{t('Its nodes stay, and so does what runs on them.')}</p>
      </ConfirmDialog>
    </Page>
  )
}

function GroupMenu({ group, onAsk, onMaintain }: { group: NodeGroup; onAsk: (asked: Asked) => void; onMaintain: () => void }) {
  const can = useCan()
  const actions = [
    ...(can('maintenance.manage')
      ? [{ id: 'maintenance', label: group.maintenance === null ? t('Begin maintenance') : t('End maintenance'), onAction: onMaintain }]
      : []),
    ...(can('group.manage')
      ? [
          { id: 'edit', label: t('Edit…'), onAction: () => onAsk({ what: 'edit', group }) },
          { id: 'delete', label: t('Delete…'), danger: true, onAction: () => onAsk({ what: 'delete', group }) },
        ]
      : []),
  ]
  if (actions.length === 0) return null
  return <Menu label={t('Actions of {name}', { name: group.name })} actions={actions} trigger={<Button>{t('Actions')}</Button>} />
}
