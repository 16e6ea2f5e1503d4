import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Export, OrganizationSettings } from '@/api/gen'
import { cancelDeletion, createExport, renameOrganization, requestDeletion } from '@/api/gen'
import {
  getOrganizationQueryKey,
  getOrganizationSettingsOptions,
  getOrganizationSettingsQueryKey,
  listExportsOptions,
  listExportsQueryKey,
} from '@/api/gen/@tanstack/react-query.gen'
import { useQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatBytes, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Facts, Page, Section } from '@/ui/page'
import { ErrorState, InlineError, LoadingState } from '@/ui/states'
import { notify } from '@/ui/toast'

/** The organisation as a whole: its name, a file with everything in it, and its end. */
export function OrganizationPage() {
  const { org } = useScope()
  const can = useCan()
  const settings = useQuery(getOrganizationSettingsOptions({ path: { org } }))
  return (
    <Page title={t('Organisation')} subtitle={<span className="font-mono text-sm">{org}</span>}>
      {settings.isPending && <LoadingState />}
      {settings.error !== null && <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />}
      {settings.data !== undefined && (
        <>
          <General settings={settings.data} />
          {can('organization.export') && <Exports />}
          {can('organization.delete') && <Deletion settings={settings.data} />}
        </>
      )}
    </Page>
  )
}

function useRefresh(): () => void {
  const { org } = useScope()
  const queryClient = useQueryClient()
  const path = { org }
  return () => {
    void queryClient.invalidateQueries({ queryKey: getOrganizationSettingsQueryKey({ path }) })
    void queryClient.invalidateQueries({ queryKey: getOrganizationQueryKey({ path }) })
  }
}

function General({ settings }: { settings: OrganizationSettings }) {
  const { org } = useScope()
  const can = useCan()
  const refresh = useRefresh()
  const [name, setName] = useState(settings.name)
  const isFrozen = settings.suspended_at !== null || settings.deletion_due_at !== null
  const save = useMutation({
    mutationFn: async () => {
      await renameOrganization({ path: { org }, body: { name: name.trim() }, throwOnError: true })
    },
    onSuccess: () => {
      refresh()
      notify(t('The organisation has a new name.'))
    },
  })
  return (
    <Section title={t('General')}>
      <div className="flex max-w-lg flex-col gap-4">
        <Facts
          items={[
            [t('Name in addresses'), <span className="font-mono text-sm">{settings.slug}</span>],
            [t('Made'), formatTime(settings.created_at)],
          ]}
        />
        {can('organization.manage') && (
          <form
            className="flex flex-col items-start gap-3"
            onSubmit={(event) => {
              event.preventDefault()
              save.mutate()
            }}
          >
            <div className="w-full">
              <TextField label={t('Name')} value={name} onChange={setName} maxLength={100} autoComplete="off" isDisabled={isFrozen} />
            </div>
            <Button type="submit" isDisabled={isFrozen || save.isPending || name.trim() === '' || name.trim() === settings.name}>
              {t('Save name')}
            </Button>
            {save.error !== null && <InlineError error={save.error} />}
          </form>
        )}
      </div>
    </Section>
  )
}

function Exports() {
  const { org } = useScope()
  const path = { org }
  const queryClient = useQueryClient()
  const list = useQuery({
    ...listExportsOptions({ path }),
    refetchInterval: (query) => (query.state.data?.items.some((each) => each.finished_at === null) ? 2000 : false),
  })
  const make = useMutation({
    mutationFn: async () => {
      await createExport({ path, throwOnError: true })
    },
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: listExportsQueryKey({ path }) }),
  })
  const items = list.data?.items ?? []
  const isUnderWay = items.some((each) => each.finished_at === null)
  return (
    <Section title={t('Export')}>
      <div className="flex max-w-2xl flex-col items-start gap-3">
        <p className="text-secondary">
          {t(
            'Everything that is yours in one file: pipelines with all revisions, nodes, members, rules, the log with its proof. Values of secrets and keys are never in it. The file is signed by your organisation’s key. Check it without a server:',
          )}{' '}
          <code className="text-sm">vectorflow org verify</code>
        </p>
        <Button isDisabled={make.isPending || isUnderWay} onPress={() => make.mutate()}>
          {t('Make an export')}
        </Button>
        {make.error !== null && <InlineError error={make.error} />}
        {list.error !== null && <InlineError error={list.error} />}
        {items.length > 0 && (
          <ul aria-label={t('Exports')} className="w-full divide-y divide-line rounded-md border">
            {items.map((each) => (
              <ExportRow key={each.id} org={org} row={each} />
            ))}
          </ul>
        )}
      </div>
    </Section>
  )
}

function ExportRow({ org, row }: { org: string; row: Export }) {
  const words: Record<Export['state'], string> = {
    waiting: t('Waiting for the worker'),
    making: t('Being written'),
    signing: t('Being signed'),
    ready: t('Ready until {time}', { time: formatTime(row.expires_at) }),
    failed: t('Failed: make a new one'),
  }
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 px-3 py-2">
      <span className="whitespace-nowrap">{formatTime(row.requested_at)}</span>
      <span className={`min-w-0 flex-1 max-sm:basis-full ${row.state === 'failed' ? 'text-bad' : 'text-secondary'}`}>{words[row.state]}</span>
      {row.state === 'ready' && (
        <a className="text-primary underline underline-offset-2" href={`/api/v1/orgs/${org}/exports/${row.id}/archive`} download>
          {t('Download, {size}', { size: formatBytes(row.bytes) })}
        </a>
      )}
    </li>
  )
}

function Deletion({ settings }: { settings: OrganizationSettings }) {
  const { org } = useScope()
  const refresh = useRefresh()
  const asking = useQuestion('delete')
  const [typed, setTyped] = useState('')
  const close = () => {
    asking.close()
    setTyped('')
    remove.reset()
  }
  const remove = useMutation({
    mutationFn: async () => {
      await requestDeletion({ path: { org }, body: { slug: typed }, throwOnError: true })
    },
    onSuccess: () => {
      refresh()
      close()
    },
  })
  const keep = useMutation({
    mutationFn: async () => {
      await cancelDeletion({ path: { org }, throwOnError: true })
    },
    onSuccess: () => {
      refresh()
      notify(t('The organisation stays.'))
    },
  })
  if (settings.deletion_due_at !== null) {
    return (
      <Section title={t('Deletion')}>
        <div className="flex max-w-2xl flex-col items-start gap-3">
          <p>{t('Everything will be erased on {time}.', { time: formatTime(settings.deletion_due_at) })}</p>
          <Button variant="primary" isDisabled={keep.isPending} onPress={() => keep.mutate()}>
            {t('Keep the organisation')}
          </Button>
          {keep.error !== null && <InlineError error={keep.error} />}
        </div>
      </Section>
    )
  }
  const footer = (
    <>
      <Button onPress={close}>{t('Cancel')}</Button>
      <Button variant="danger" isDisabled={typed !== org || remove.isPending} onPress={() => remove.mutate()}>
        {t('Delete the organisation')}
      </Button>
    </>
  )
  return (
    <Section title={t('Deletion')}>
      <div className="flex max-w-2xl flex-col items-start gap-3">
        <p className="text-secondary">
          {t(
            'After {days} days, in which any owner can cancel it, every row is erased and every key destroyed. Until then everything can only be read, and nodes go on with what they run. Backups hold what was erased until they expire.',
            { days: settings.grace_days },
          )}
        </p>
        <Button variant="danger" isDisabled={settings.suspended_at !== null} onPress={() => asking.open()}>
          {t('Delete the organisation…')}
        </Button>
      </div>
      <Dialog title={t('Delete {org}?', { org })} isOpen={asking.isOpen} onClose={close} footer={footer}>
        <div className="flex flex-col gap-3">
          <p>{t('It can be taken back for {days} days. After that nobody can bring it back.', { days: settings.grace_days })}</p>
          <TextField label={t('Type {org} to confirm', { org })} mono autoFocus value={typed} onChange={setTyped} autoComplete="off" />
          {remove.error !== null && <InlineError error={remove.error} />}
        </div>
      </Dialog>
    </Section>
  )
}
