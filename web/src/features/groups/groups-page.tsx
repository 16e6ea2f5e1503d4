import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { Fragment } from 'react'
import type { NodeGroup } from '@/api/gen'
import { deleteGroup, setGroupMaintenance } from '@/api/gen'
import { listGroupsOptions, listGroupsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import type { Listed } from '@/app/optimistic'
import { useOptimistic, withItems } from '@/app/optimistic'
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
import { GroupDialog, windowLabel } from './group-dialog'

/** Groups of nodes, what differs from whom pipelines are for, and when silent nodes are let go. */
export function GroupsPage() {
  const path = useScope()
  const can = useCan()
  const queryClient = useQueryClient()
  const groups = useQuery(listGroupsOptions({ path }))
  const items = groups.data?.items ?? []
  const editing = useRowDialog('group', groups.data?.items, { may: can('group.manage') })
  const removing = useRowQuestion('delete', groups.data?.items)
  const refresh = () => void queryClient.invalidateQueries({ queryKey: listGroupsQueryKey({ path }) })
  const remove = useMutation({
    mutationFn: async ({ id, etag }: NodeGroup) => deleteGroup({ path: { ...path, id }, headers: { 'If-Match': etag }, throwOnError: true }),
    onSuccess: () => {
      removing.close()
      refresh()
    },
    onError: notifyError,
  })
  // A beginning waits for the server, since somebody may then go and open the machines; an end shows at once.
  const begin = useMutation({
    mutationFn: async ({ id }: NodeGroup) => setGroupMaintenance({ path: { ...path, id }, body: { on: true }, throwOnError: true }),
    onSuccess: refresh,
    onError: notifyError,
  })
  const end = useOptimistic({
    queryKey: listGroupsQueryKey({ path }),
    mutationFn: ({ id }: NodeGroup) => setGroupMaintenance({ path: { ...path, id }, body: { on: false }, throwOnError: true }),
    // Whether a window is open now only the server knows.
    expect: (seen: Listed<NodeGroup>, { id }) =>
      withItems(seen, (items) => items.map((each) => (each.id === id ? { ...each, maintenance: null, in_maintenance: each.windows.length > 0 && each.in_maintenance } : each))),
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
          <div className="sm:hidden">
            <Selector text={row.selector} />
          </div>
        </div>
      ),
    },
    { key: 'selector', title: t('Labels'), wideOnly: true, render: (row) => <Selector text={row.selector} /> },
    { key: 'nodes', title: t('Nodes'), align: 'right', render: (row) => row.nodes },
    { key: 'pipelines', title: t('Pipelines'), align: 'right', wideOnly: true, render: (row) => row.pipelines },
    {
      key: 'maintenance',
      title: t('Maintenance'),
      wideOnly: true,
      render: (row) => (
        <div>
          {row.in_maintenance && <StateBadge tone="warn" label={t('now')} />}
          {row.windows.length > 0 && <div className="text-sm text-secondary">{`${row.windows.map(windowLabel).join('; ')} (${row.timezone})`}</div>}
        </div>
      ),
    },
    { key: 'action', title: '', align: 'right', render: (row) => <GroupMenu group={row} onEdit={() => editing.open(row)} onDelete={() => removing.open(row)} onMaintain={() => (row.maintenance === null ? begin : end).mutate(row)} /> },
  ]
  const make = can('group.manage') && (
    <Button variant="primary" onPress={() => editing.open(null)}>
      <Plus aria-hidden size={14} />
      {t('New group')}
    </Button>
  )
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
      {editing.isOpen && <GroupDialog group={editing.row} onClose={editing.close} onDone={refresh} />}
      <ConfirmDialog
        isOpen={removing.row !== null}
        onClose={removing.close}
        title={t('Delete {name}?', { name: removing.row?.name ?? '' })}
        confirmLabel={t('Delete')}
        isPending={remove.isPending}
        onConfirm={() => removing.row !== null && remove.mutate(removing.row)}
      >
        <p>{t('Its nodes stay, and so does what runs on them.')}</p>
      </ConfirmDialog>
    </Page>
  )
}

/** A selector that breaks after its commas before it breaks inside of a word. */
function Selector({ text }: { text: string }) {
  if (text === '') return <span className="text-sm text-secondary">{t('every node')}</span>
  return (
    <code className="text-sm [overflow-wrap:anywhere]">
      {text.split(',').map((part, index) => (
        <Fragment key={index}>
          {index > 0 && (
            <>
              ,<wbr />
            </>
          )}
          {part}
        </Fragment>
      ))}
    </code>
  )
}

type GroupMenuProps = { group: NodeGroup; onEdit: () => void; onDelete: () => void; onMaintain: () => void }

function GroupMenu({ group, onEdit, onDelete, onMaintain }: GroupMenuProps) {
  const can = useCan()
  const actions = [
    ...(can('maintenance.manage')
      ? [{ id: 'maintenance', label: group.maintenance === null ? t('Begin maintenance') : t('End maintenance'), onAction: onMaintain }]
      : []),
    ...(can('group.manage')
      ? [
          { id: 'edit', label: t('Change…'), onAction: onEdit },
          { id: 'delete', label: t('Delete…'), danger: true, onAction: onDelete },
        ]
      : []),
  ]
  if (actions.length === 0) return null
  return <Menu label={t('Actions of {name}', { name: group.name })} actions={actions} trigger={<Button>{t('Actions')}</Button>} />
}
