import { Link } from '@tanstack/react-router'
import { Menu as MenuIcon, Search } from 'lucide-react'
import { openCommands } from '@/features/commands/open'
import { t } from '@/lib/i18n'
import { commandKey } from '@/lib/platform'
import { IconButton } from '@/ui/button'
import { AccountMenu, ThemeMenu } from './account-menu'
import { ScopeSwitcher } from './scope-switcher'

/** Where one is (organisation, environment) and who one is. */
export function TopBar({ onOpenDrawer }: { onOpenDrawer: () => void }) {
  return (
    <header className="flex h-11 shrink-0 items-center gap-2 border-b bg-background px-3 max-sm:gap-1 max-sm:px-2">
      <div className="md:hidden">
        <IconButton label={t('Navigation')} onPress={onOpenDrawer}>
          <MenuIcon aria-hidden size={16} />
        </IconButton>
      </div>
      <Link to="/" aria-label={t('VectorFlow, start page')} className="flex items-center gap-2 rounded-md font-semibold sm:pr-2">
        <img src="/icon.svg" alt="" width={20} height={20} />
        <span className="max-sm:hidden">VectorFlow</span>
      </Link>
      <ScopeSwitcher />
      <div className="flex-1 max-sm:hidden" />
      <button
        type="button"
        onClick={openCommands}
        aria-keyshortcuts="Meta+K Control+K"
        className="flex h-7 shrink-0 cursor-pointer items-center gap-2 rounded-md border border-control/50 bg-surface px-2 text-secondary pointer-coarse:h-10 pointer-coarse:px-3 hover:bg-hover hover:text-text"
      >
        <Search aria-hidden size={14} />
        <span className="max-md:sr-only">{t('Go to or do…')}</span>
        <kbd aria-hidden className="font-mono text-sm max-md:hidden">{commandKey()}K</kbd>
      </button>
      <ThemeMenu />
      <AccountMenu />
    </header>
  )
}
