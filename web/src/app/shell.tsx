import { Outlet } from '@tanstack/react-router'
import { useState } from 'react'
import { t } from '@/lib/i18n'
import { Sidebar } from './sidebar'
import { TopBar } from './top-bar'

const KEY = 'vf:sidebar'

function readCollapsed(): boolean {
  try {
    return localStorage.getItem(KEY) === 'collapsed'
  } catch {
    return false
  }
}

/** The frame of every page inside an organisation: side bar, top bar, page. */
export function Shell() {
  const [collapsed, setCollapsed] = useState(readCollapsed)
  const [drawerOpen, setDrawerOpen] = useState(false)
  const toggle = () => {
    const next = !collapsed
    setCollapsed(next)
    try {
      localStorage.setItem(KEY, next ? 'collapsed' : 'open')
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
      <TopBar onOpenDrawer={() => setDrawerOpen(!drawerOpen)} />
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
