import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Channel } from '@/api/gen'
import { deleteChannel, testChannel } from '@/api/gen'
import { listChannelsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowQuestion } from '@/app/dialogs'
import { useScope } from '@/app/scope'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { InlineError } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { notify } from '@/ui/toast'

type ChannelTableProps = { channels: Channel[]; mayManage: boolean; onChange: (channel: Channel) => void }

/** Who is told, and how the newest message went. */
export function ChannelTable({ channels, mayManage, onChange }: ChannelTableProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const now = useNow(10_000)
  const queryClient = useQueryClient()
  const removing = useRowQuestion('delete-channel', channels)
  const test = useMutation({
    mutationFn: async (channel: Channel) => {
      await testChannel({ path: { ...path, id: channel.id }, throwOnError: true })
    },
    onSuccess: (_, channel) => {
      notify(t('A message is on its way by {name}.', { name: channel.name }))
      void queryClient.invalidateQueries({ queryKey: listChannelsQueryKey({ path }).slice(0, 1) })
    },
  })
  const columns: Column<Channel>[] = [
    { key: 'name', title: t('Channel'), render: (row) => <span className="font-medium [overflow-wrap:anywhere]">{row.name}</span> },
    {
      key: 'where',
      title: t('Where'),
      wideOnly: true,
      render: (row) => (
        <span className="[overflow-wrap:anywhere] text-secondary">
          {row.kind === 'email' ? t('mail to {who}', { who: row.shown }) : t('webhook at {host}', { host: row.shown })}
        </span>
      ),
    },
    { key: 'last', title: t('Newest message'), render: (row) => <LastMessage channel={row} now={now} /> },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        mayManage && (
          <span className="inline-flex gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
            <Button isDisabled={test.isPending} onPress={() => test.mutate(row)}>
              {t('Try')}
            </Button>
            <Button onPress={() => onChange(row)}>{t('Change…')}</Button>
            <Button variant="danger" onPress={() => removing.open(row)}>
              {t('Delete…')}
            </Button>
          </span>
        ),
    },
  ]
  return (
    <>
      {test.error !== null && <InlineError error={test.error} />}
      <Table label={t('Channels')} columns={columns} rows={channels} rowKey={(row) => row.id} />
      {removing.row !== null && <DeleteDialog channel={removing.row} onClose={removing.close} />}
    </>
  )
}

function LastMessage({ channel, now }: { channel: Channel; now: number }) {
  const last = channel.last_message
  if (last === null) return <span className="text-secondary">{t('none yet')}</span>
  const age = formatAge(last.at, now)
  if (last.state === 'sent') return <StateBadge tone="good" label={t('sent {age}', { age })} />
  const isWaiting = last.state === 'waiting'
  return (
    <span className="flex flex-col">
      <StateBadge tone={isWaiting ? 'warn' : 'bad'} label={isWaiting ? t('waits') : t('given up {age}', { age })} />
      {last.error !== '' && <span className="text-sm [overflow-wrap:anywhere] text-secondary">{last.error}</span>}
    </span>
  )
}

function DeleteDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const remove = useMutation({
    mutationFn: async () => {
      await deleteChannel({ path: { ...path, id: channel.id }, headers: { 'If-Match': channel.etag }, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listChannelsQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  return (
    <ConfirmDialog isOpen onClose={onClose} title={t('Delete {name}?', { name: channel.name })} confirmLabel={t('Delete')} isPending={remove.isPending} onConfirm={() => remove.mutate()}>
      <p>{t('A channel that a rule tells cannot be deleted.')}</p>
      {remove.error !== null && <InlineError error={remove.error} />}
    </ConfirmDialog>
  )
}
