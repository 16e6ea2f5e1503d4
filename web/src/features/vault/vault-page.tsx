import { useNavigate, useSearch } from '@tanstack/react-router'
import type { VaultTab } from '@/app/search'
import { useCan } from '@/app/scope'
import { SecretsTab } from '@/features/secrets/secrets-tab'
import { t } from '@/lib/i18n'
import { Page } from '@/ui/page'
import { TabbedPane } from '@/ui/tabs'
import { CertificatesTab } from './certificates-tab'
import { LookupFilesTab } from './lookup-files-tab'
import { StoresTab } from './stores-tab'
import { VariablesTab } from './variables-tab'

/** What an environment lends its pipelines, a tab for each kind. */
export function VaultPage() {
  const can = useCan()
  const navigate = useNavigate()
  const { tab = 'secrets' } = useSearch({ from: '/signed-in/$org/$env/secrets' })
  const all: { id: VaultTab; label: string; shown: boolean }[] = [
    { id: 'secrets', label: t('Secrets'), shown: can('secret.read') },
    { id: 'variables', label: t('Variables'), shown: can('variable.read') },
    { id: 'certificates', label: t('Certificates'), shown: can('certificate.read') },
    { id: 'files', label: t('Lookup files'), shown: can('lookup-file.read') },
    { id: 'stores', label: t('Stores'), shown: can('secret.read') },
  ]
  const tabs = all.filter((each) => each.shown)
  return (
    <Page title={t('Vault')}>
      <TabbedPane label={t('Vault')} value={tab} tabs={tabs} onChange={(next) => void navigate({ to: '.', search: { tab: next }, replace: true })}>
        <div className="px-1 py-3">
          {tab === 'secrets' && <SecretsTab />}
          {tab === 'variables' && <VariablesTab />}
          {tab === 'certificates' && <CertificatesTab />}
          {tab === 'files' && <LookupFilesTab />}
          {tab === 'stores' && <StoresTab />}
        </div>
      </TabbedPane>
    </Page>
  )
}
