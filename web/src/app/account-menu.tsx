import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useRouter } from '@tanstack/react-router'
import { CircleUser, Clock, LogOut, Monitor, MonitorSmartphone, Moon, Sun } from 'lucide-react'
import { deleteSessionMutation, getSessionOptions } from '@/api/gen/@tanstack/react-query.gen'
import { t } from '@/lib/i18n'
import { setTimeZone, useTimeZone } from '@/lib/time-zone'
import { IconButton } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import { Menu } from '@/ui/menu'
import { notifyError } from '@/ui/toast'
import { useQuestion } from './dialogs'
import { useScope } from './scope'
import { leaveSession, tellSignedOut, unsavedAnywhere } from './signing-out'
import type { Theme } from './theme'
import { setTheme, useTheme } from './theme'

/** Dark, light, or as the system says. */
export function ThemeMenu() {
  const theme = useTheme()
  const icons = {
    system: <Monitor aria-hidden size={15} />,
    light: <Sun aria-hidden size={15} />,
    dark: <Moon aria-hidden size={15} />,
  }
  const labels: Record<Theme, string> = { system: t('As the system'), light: t('Light'), dark: t('Dark') }
  return (
    <Menu
      label={t('Theme')}
      trigger={<IconButton label={t('Theme: {name}', { name: labels[theme] })}>{icons[theme]}</IconButton>}
      actions={(['system', 'light', 'dark'] as const).map((id) => ({
        id,
        label: labels[id],
        icon: icons[id],
        onAction: () => setTheme(id),
      }))}
    />
  )
}

/** Who is signed in, their sessions, and the way out. */
export function AccountMenu() {
  const { org, env } = useScope()
  const navigate = useNavigate()
  const router = useRouter()
  const queryClient = useQueryClient()
  const account = useQuery(getSessionOptions()).data?.account
  const signOut = useMutation({
    ...deleteSessionMutation(),
    onSuccess: async () => {
      tellSignedOut(account?.id ?? '')
      await leaveSession(router, queryClient, account?.id ?? '')
    },
    onError: notifyError,
  })
  const losing = useQuestion('sign-out')
  const [pipelines = 0, silent = 0] = losing.of?.split(' ').map(Number) ?? []
  const leave = async () => {
    const { pipelines, silent } = await unsavedAnywhere(account?.id ?? '')
    if (pipelines === 0 && silent === 0) signOut.mutate({})
    else losing.open(`${pipelines} ${silent}`)
  }
  const zone = useTimeZone()
  const name = account?.name ?? ''
  return (
    <>
      <Menu
        label={t('Account')}
        trigger={
          <IconButton label={t('Account: {name}', { name })}>
            <CircleUser aria-hidden size={16} />
          </IconButton>
        }
        actions={[
          {
            id: 'sessions',
            label: t('Sessions'),
            hint: account?.email ?? '',
            icon: <MonitorSmartphone size={14} />,
            onAction: () => void navigate({ to: '/$org/$env/account/sessions', params: { org, env } }),
          },
          {
            id: 'time-zone',
            label: zone === 'utc' ? t('Show local times') : t('Show times in UTC'),
            icon: <Clock size={14} />,
            onAction: () => setTimeZone(zone === 'utc' ? 'local' : 'utc'),
          },
          { id: 'sign-out', label: t('Sign out'), icon: <LogOut size={14} />, onAction: () => void leave().catch(notifyError) },
        ]}
      />
      <ConfirmDialog
        isOpen={losing.isOpen}
        onClose={losing.close}
        title={t('Sign out and lose what is not saved?')}
        confirmLabel={t('Sign out')}
        isPending={signOut.isPending}
        onConfirm={() => signOut.mutate({})}
      >
        {pipelines > 0 && <p>{t('{n, plural, one {# pipeline has} other {# pipelines have}} changes of yours that are not saved. Signing out removes them from this browser.', { n: pipelines })}</p>}
        {silent > 0 && <p>{t('{n, plural, one {# other tab does not answer} other {# other tabs do not answer}} whether changes are unsaved there. Signing out removes those too.', { n: silent })}</p>}
      </ConfirmDialog>
    </>
  )
}
