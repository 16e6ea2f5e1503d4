import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
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

// Only who signs out needs to know what the editor keeps.
const draftStorage = () => import('@/features/editor/draft-storage')

/** Who is signed in, their sessions, and the way out. */
export function AccountMenu() {
  const { org, env } = useScope()
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const account = useQuery(getSessionOptions()).data?.account
  const signOut = useMutation({
    ...deleteSessionMutation(),
    onSuccess: async () => {
      // The editor keeps what it holds when it is left, so that is forgotten after.
      await navigate({ to: '/sign-in' })
      await (await draftStorage()).forgetUnsaved(account?.id ?? '')
      queryClient.clear()
    },
    onError: notifyError,
  })
  const losing = useQuestion('sign-out')
  const leave = async () => {
    const unsaved = await (await draftStorage()).unsavedCount(account?.id ?? '')
    if (unsaved === 0) signOut.mutate({})
    else losing.open(String(unsaved))
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
        <p>{t('{n, plural, one {# pipeline has} other {# pipelines have}} changes of yours that are not saved. Signing out removes them from this browser.', { n: Number(losing.of ?? 0) })}</p>
      </ConfirmDialog>
    </>
  )
}
