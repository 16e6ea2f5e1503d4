import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { CircleUser, Clock, LogOut, Monitor, MonitorSmartphone, Moon, Sun } from 'lucide-react'
import { deleteSessionMutation, getSessionOptions } from '@/api/gen/@tanstack/react-query.gen'
import { t } from '@/lib/i18n'
import { setTimeZone, useTimeZone } from '@/lib/time-zone'
import { IconButton } from '@/ui/button'
import { Menu } from '@/ui/menu'
import { notifyError } from '@/ui/toast'
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

/** Who is signed in, their sessions, and the way out. */
export function AccountMenu() {
  const { org, env } = useScope()
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const account = useQuery(getSessionOptions()).data?.account
  const signOut = useMutation({
    ...deleteSessionMutation(),
    onSuccess: async () => {
      await navigate({ to: '/sign-in' })
      queryClient.clear()
    },
    onError: notifyError,
  })
  const zone = useTimeZone()
  const name = account?.name ?? ''
  return (
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
        { id: 'sign-out', label: t('Sign out'), icon: <LogOut size={14} />, onAction: () => signOut.mutate({}) },
      ]}
    />
  )
}
