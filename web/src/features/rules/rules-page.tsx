import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import type { PolicyRuleKept } from '@/api/gen'
import { deletePolicyRule, getPolicyRule, listPolicyRules } from '@/api/gen'
import { listPolicyRulesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { usePages } from '@/lib/use-pages'
import type { Tone } from '@/ui/badge'
import { StateBadge, Tag } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { MoreButton } from '@/ui/more-button'
import { Page } from '@/ui/page'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { RuleDialog } from './rule-dialog'
import { sentence, severityLabel } from './words'

const TONES: Record<string, Tone> = { error: 'bad', warning: 'warn', note: 'unknown' }

/** What the organisation allows in its pipelines. */
export function RulesPage() {
  const { org } = useScope()
  const path = { org }
  const query = { limit: 100 }
  const can = useCan()
  const list = usePages<PolicyRuleKept>({
    queryKey: [...listPolicyRulesQueryKey({ path, query }), 'pages'],
    fetchPage: async (cursor, signal) =>
      (await listPolicyRules({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
  })
  const mayManage = can('policy.manage')
  const rows = list.isSuccess ? list.items : undefined
  const one = async (id: string) => (await getPolicyRule({ path: { ...path, id }, throwOnError: true })).data
  const editing = useRowDialog('rule', rows, { one, may: mayManage })
  const removing = useRowQuestion('delete', rows, { one })
  const columns: Column<PolicyRuleKept>[] = [
    {
      key: 'name',
      title: t('Rule'),
      render: (row) => (
        <>
          <span className="font-medium [overflow-wrap:anywhere]">{row.rule.name}</span>
          <span className="block text-sm text-secondary [overflow-wrap:anywhere] sm:hidden">{sentence(row.rule)}</span>
        </>
      ),
    },
    {
      key: 'severity',
      title: t('When broken'),
      render: (row) => <StateBadge tone={TONES[row.rule.severity ?? 'error'] ?? 'unknown'} label={severityLabel(row.rule.severity ?? 'error')} />,
    },
    { key: 'says', title: t('Says'), wideOnly: true, render: (row) => <span className="text-secondary [overflow-wrap:anywhere]">{sentence(row.rule)}</span> },
    {
      key: 'environments',
      title: t('Holds in'),
      wideOnly: true,
      render: (row) =>
        row.environments.length === 0 ? (
          <span className="text-secondary">{t('all environments')}</span>
        ) : (
          <span className="flex flex-wrap gap-1">
            {row.environments.map((each) => (
              <Tag key={each}>{each}</Tag>
            ))}
          </span>
        ),
    },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        mayManage && (
          <span className="inline-flex gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
            <Button onPress={() => editing.open(row)}>{t('Change…')}</Button>
            <Button variant="danger" onPress={() => removing.open(row)}>
              {t('Delete…')}
            </Button>
          </span>
        ),
    },
  ]
  const make = mayManage && (
    <Button variant="primary" onPress={() => editing.open(null)}>
      <Plus aria-hidden size={14} />
      {t('New rule')}
    </Button>
  )
  return (
    <Page title={t('Rules')} subtitle={t('What this organisation allows in its pipelines')} actions={make}>
      {list.isPending && <LoadingState />}
      {list.error !== null && list.items.length === 0 && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && list.items.length === 0 && (
        <EmptyState title={t('No rules yet')} action={make}>
          {t('Say which component types, option values and destinations are allowed. Each rule says whether a revision that breaks it is refused, warned of or noted.')}
        </EmptyState>
      )}
      {list.items.length > 0 && <Table label={t('Rules')} columns={columns} rows={list.items} rowKey={(row) => row.id} />}
      <MoreButton list={list} />
      {editing.isOpen && <RuleDialog rule={editing.row} onClose={editing.close} />}
      {removing.row !== null && <DeleteDialog rule={removing.row} onClose={removing.close} />}
    </Page>
  )
}

function DeleteDialog({ rule, onClose }: { rule: PolicyRuleKept; onClose: () => void }) {
  const { org } = useScope()
  const queryClient = useQueryClient()
  const remove = useMutation({
    mutationFn: async () => {
      await deletePolicyRule({ path: { org, id: rule.id }, headers: { 'If-Match': rule.etag }, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listPolicyRulesQueryKey({ path: { org } }).slice(0, 1) })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={t('Delete {name}?', { name: rule.rule.name })}
      confirmLabel={t('Delete')}
      isPending={remove.isPending}
      onConfirm={() => remove.mutate()}
    >
      <p>{t('Pipelines that it kept back can then be deployed.')}</p>
      {remove.error !== null && <InlineError error={remove.error} />}
    </ConfirmDialog>
  )
}
