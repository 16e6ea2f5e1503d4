import { Link } from '@tanstack/react-router'
import { PanelLeftClose, PanelLeftOpen } from 'lucide-react'
import { t } from '@/lib/i18n'
import { IconButton } from '@/ui/button'
import { entries } from './pages'
import { useCan, useScope } from './scope'

type SidebarProps = { collapsed: boolean; onToggle: () => void; drawerOpen: boolean; onCloseDrawer: () => void }

/** The pages of an environment; 216 pixels or icons only, a drawer on narrow screens. */
export function Sidebar({ collapsed, onToggle, drawerOpen, onCloseDrawer }: SidebarProps) {
  const { org, env } = useScope()
  const can = useCan()
  const shown = entries().filter((entry) => entry.permission === undefined || can(entry.permission))
  const width = collapsed ? 'md:w-12' : 'md:w-[216px]'
  const drawer = drawerOpen ? 'max-md:translate-x-0' : 'max-md:-translate-x-full max-md:invisible'
  return (
    <>
      {drawerOpen && (
        <div aria-hidden className="absolute inset-0 z-20 bg-[oklch(0_0_0/0.4)] md:hidden" onClick={onCloseDrawer} />
      )}
      <nav
        aria-label={t('Main')}
        className={`z-30 flex shrink-0 flex-col border-r bg-background px-2 py-3 max-md:absolute max-md:inset-y-0 max-md:w-[216px] ${width} ${drawer}`}
      >
        <ul className="flex flex-1 flex-col gap-0.5">
          {shown.map(({ to, label, icon: Icon }) => (
            <li key={to}>
              <Link
                to={to}
                params={{ org, env }}
                onClick={onCloseDrawer}
                aria-label={label}
                title={collapsed ? label : undefined}
                className="flex h-8 items-center pointer-coarse:h-10 gap-2.5 rounded-md px-2 text-secondary hover:bg-hover hover:text-text"
                activeProps={{ className: 'bg-hover text-text! font-medium', 'aria-current': 'page' }}
              >
                <Icon aria-hidden size={16} className="shrink-0" />
                <span className={collapsed ? 'md:hidden' : ''}>{label}</span>
              </Link>
            </li>
          ))}
        </ul>
        <div className="max-md:hidden">
          <IconButton label={collapsed ? t('Widen the side bar') : t('Narrow the side bar')} onPress={onToggle}>
            {collapsed ? <PanelLeftOpen aria-hidden size={16} /> : <PanelLeftClose aria-hidden size={16} />}
          </IconButton>
        </div>
      </nav>
    </>
  )
}
