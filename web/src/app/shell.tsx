import { Outlet, useMatch } from '@tanstack/react-router'
import { useState } from 'react'
import { CommandKeys } from '@/features/commands/command-keys'
import { t } from '@/lib/i18n'
import { FrozenBanner } from './frozen-banner'
import { LostDialog } from './lost-dialog'
import { useNewBuild } from './new-build'
import { Sidebar } from './sidebar'
import { TopBar } from './top-bar'

const KEY = 'vf:sidebar'

function readCollapsed(key: string, otherwise: boolean): boolean {
  try {
    const value = localStorage.getItem(key)
    return value === null ? otherwise : value === 'collapsed'
  } catch {
    return otherwise
  }
}

/** The frame of every page inside an organisation: side bar, top bar, page. */
export function Shell() {
  useNewBuild()
  // The editor needs the width, so the side bar is narrow there unless somebody widened it.
  const isEditor = useMatch({ from: '/signed-in/$org/$env/pipelines/$pipelineId', shouldThrow: false }) !== undefined
  const key = isEditor ? `${KEY}:editor` : KEY
  const [chosen, setChosen] = useState<Record<string, boolean>>({})
  const collapsed = chosen[key] ?? readCollapsed(key, isEditor)
  const [drawerOpen, setDrawerOpen] = useState(false)
  const toggle = () => {
    const next = !collapsed
    setChosen({ ...chosen, [key]: next })
    try {
      localStorage.setItem(key, next ? 'collapsed' : 'open')
    } catch {
      // Not remembered where storage is switched off.
    }
  }
  return (
    <div className="flex h-full flex-col">
      <a
        href="#page"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:rounded-md focus:bg-primary focus:px-3 focus:py-1.5 focus:text-on-primary"
      >
        {t('Skip to the page')}
      </a>
      <CommandKeys />
      <LostDialog />
      <TopBar onOpenDrawer={() => setDrawerOpen(!drawerOpen)} />
      <FrozenBanner />
      <div className="relative flex min-h-0 flex-1">
        <Sidebar
          collapsed={collapsed}
          onToggle={toggle}
          drawerOpen={drawerOpen}
          onCloseDrawer={() => setDrawerOpen(false)}
        />
        <div id="page" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
          <Outlet />
        </div>
      </div>
    </div>
  )
}
