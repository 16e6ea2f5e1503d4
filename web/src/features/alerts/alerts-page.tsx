import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { listAlertRulesOptions, listChannelsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Page } from '@/ui/page'
import { Select } from '@/ui/select'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import { ChannelDialog } from './channel-dialog'
import { ChannelTable } from './channel-table'
import { Incidents } from './incidents'
import { RuleDialog } from './rule-dialog'
import { RuleTable } from './rule-table'
import { useIncidents } from './use-incidents'

const REFRESH_MS = 10_000

/** What is wrong right now, what is watched, and who is told. */
export function AlertsPage() {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const search = useSearch({ from: '/signed-in/$org/$env/alerts' })
  const navigate = useNavigate({ from: '/$org/$env/alerts' })
  const state = search.show === 'all' ? undefined : 'open'
  const incidents = useIncidents(state)
  const rules = useQuery({ ...listAlertRulesOptions({ path }), refetchInterval: REFRESH_MS })
  const channels = useQuery({ ...listChannelsOptions({ path }), refetchInterval: REFRESH_MS })
  const mayManage = can('alert.manage')
  const known = channels.data?.items ?? []
  // A new rule tells all channels at first, so they have to be known.
  const rule = useRowDialog('alert-rule', rules.data?.items, { may: mayManage })
  const channel = useRowDialog('alert-channel', channels.data?.items, { may: mayManage })
  const makeRule = mayManage && (
    <Button onPress={() => rule.open(null)}>
      <Plus aria-hidden size={14} />
      {t('New rule')}
    </Button>
  )
  const makeChannel = mayManage && (
    <Button onPress={() => channel.open(null)}>
      <Plus aria-hidden size={14} />
      {t('New channel')}
    </Button>
  )
  const filter = (
    <Select
      label={t('Incidents shown')}
      hideLabel
      className="w-40"
      value={search.show ?? 'open'}
      onChange={(show) => void navigate({ search: show === 'all' ? { show } : {}, replace: true })}
      choices={[
        { id: 'open', label: t('Open incidents') },
        { id: 'all', label: t('All incidents') },
      ]}
    />
  )
  // One after another they would move what is below them from under the pointer of whoever is about to press it.
  if (incidents.isPending || rules.isPending || channels.isPending) {
    return (
      <Page title={t('Alerts')} actions={filter}>
        <LoadingState rows={12} />
      </Page>
    )
  }
  return (
    <Page title={t('Alerts')} actions={filter}>
      <Incidents list={incidents} state={state} chosen={search.incident} hasRules={(rules.data?.items.length ?? 0) > 0} />
      <SectionTitle title={t('Rules')} action={makeRule} />
      {rules.error !== null && <ErrorState error={rules.error} onRetry={() => void rules.refetch()} />}
      {rules.data?.items.length === 0 && (
        <EmptyState title={t('Nothing is watched yet')} action={makeRule}>
          {t('Watch for nodes that fall silent, configurations that are refused or crash, and components with errors.')}
        </EmptyState>
      )}
      {rules.data !== undefined && rules.data.items.length > 0 && (
        <RuleTable rules={rules.data.items} channels={known} mayManage={mayManage} onChange={rule.open} />
      )}
      <SectionTitle title={t('Channels')} action={makeChannel} />
      {channels.error !== null && <ErrorState error={channels.error} onRetry={() => void channels.refetch()} />}
      {channels.data?.items.length === 0 && (
        <EmptyState title={t('Nobody is told yet')} action={makeChannel}>
          {t('A channel is mail to people, or a signed request to an address of yours.')}
        </EmptyState>
      )}
      {known.length > 0 && <ChannelTable channels={known} mayManage={mayManage} onChange={channel.open} />}
      {rule.isOpen && channels.data !== undefined && <RuleDialog rule={rule.row} channels={known} onClose={rule.close} />}
      {channel.isOpen && channels.data !== undefined && <ChannelDialog channel={channel.row} mail={channels.data.mail} onClose={channel.close} />}
    </Page>
  )
}

function SectionTitle({ title, action }: { title: string; action: React.ReactNode }) {
  return (
    <div className="mt-8 mb-2 flex items-center justify-between gap-3">
      <h2 className="text-base font-semibold">{title}</h2>
      {action}
    </div>
  )
}
