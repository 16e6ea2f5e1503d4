import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { AlertRule, Channel } from '@/api/gen'
import { deleteAlertRule, updateAlertRule } from '@/api/gen'
import { listAlertRulesQueryKey, listIncidentsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowQuestion } from '@/app/dialogs'
import type { Listed } from '@/app/optimistic'
import { useOptimistic, withItems } from '@/app/optimistic'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { InlineError } from '@/ui/states'
import { Switch } from '@/ui/switch'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { conditionText } from './words'

type RuleTableProps = { rules: AlertRule[]; channels: Channel[]; mayManage: boolean; onChange: (rule: AlertRule) => void }

/** What is watched, and who is told. */
export function RuleTable({ rules, channels, mayManage, onChange }: RuleTableProps) {
  const removing = useRowQuestion('delete-rule', rules)
  const watch = useWatch()
  const names = new Map(channels.map((channel) => [channel.id, channel.name]))
  const columns: Column<AlertRule>[] = [
    {
      key: 'name',
      title: t('Rule'),
      render: (row) => (
        <>
          <span className="font-medium [overflow-wrap:anywhere]">{row.name}</span>
          <span className="block text-sm text-secondary sm:hidden">{conditionText(row.condition)}</span>
        </>
      ),
    },
    { key: 'when', title: t('When'), wideOnly: true, render: (row) => <span className="text-secondary">{conditionText(row.condition)}</span> },
    {
      key: 'told',
      title: t('Tells'),
      render: (row) =>
        row.enabled ? (
          <span className={`block min-w-16 ${row.channels.length === 0 ? 'text-warn' : ''}`}>
            {row.channels.length === 0 ? t('nobody') : row.channels.map((id) => names.get(id) ?? '…').join(', ')}
          </span>
        ) : (
          <span className="text-secondary">{t('switched off')}</span>
        ),
    },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        mayManage && (
          <span className="inline-flex items-center gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
            <Switch label={t('Watch: {name}', { name: row.name })} hideLabel isSelected={row.enabled} isDisabled={watch.isPending} onChange={() => watch.mutate(row)} />
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
      <Table label={t('Alert rules')} columns={columns} rows={rules} rowKey={(row) => row.id} />
      {removing.row !== null && <DeleteDialog rule={removing.row} onClose={removing.close} />}
    </>
  )
}

/** Switches a rule off or on, and shows that at once. */
function useWatch() {
  const path = useScope()
  return useOptimistic({
    queryKey: listAlertRulesQueryKey({ path }),
    also: [listIncidentsQueryKey({ path })],
    mutationFn: ({ id, etag, name, condition, channels, enabled }: AlertRule) =>
      updateAlertRule({ path: { ...path, id }, headers: { 'If-Match': etag }, body: { name, condition, channels, enabled: !enabled }, throwOnError: true }),
    expect: (seen: Listed<AlertRule>, rule) => withItems(seen, (items) => items.map((each) => (each.id === rule.id ? { ...each, enabled: !rule.enabled } : each))),
  })
}

function DeleteDialog({ rule, onClose }: { rule: AlertRule; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const remove = useMutation({
    mutationFn: async () => {
      await deleteAlertRule({ path: { ...path, id: rule.id }, headers: { 'If-Match': rule.etag }, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listAlertRulesQueryKey({ path }).slice(0, 1) })
      void queryClient.invalidateQueries({ queryKey: listIncidentsQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  return (
    <ConfirmDialog isOpen onClose={onClose} title={t('Delete {name}?', { name: rule.name })} confirmLabel={t('Delete')} isPending={remove.isPending} onConfirm={() => remove.mutate()}>
      <p>{t('Its incidents go with it, also those that are over.')}</p>
      {remove.error !== null && <InlineError error={remove.error} />}
    </ConfirmDialog>
  )
}
