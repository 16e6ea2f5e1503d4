import { lazy, Suspense, useEffect, useState } from 'react'
import { onOpenCommands } from './open'

// Both are needed only when asked for.
const CommandPalette = lazy(async () => ({ default: (await import('./command-palette')).CommandPalette }))
const ShortcutsHelp = lazy(async () => ({ default: (await import('./shortcuts-help')).ShortcutsHelp }))

type Open = 'palette' | 'help' | null

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable="true"], .cm-editor, [role=dialog]') !== null
}

/** What a key asks for: the palette, the help or nothing. */
export function wantedBy(event: KeyboardEvent): Open {
  if ((event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') return 'palette'
  if (event.key === '?' && !event.metaKey && !event.ctrlKey && !event.altKey && !isTyping(event.target)) return 'help'
  return null
}

/** Listens for ⌘K and ? on every page. */
export function CommandKeys() {
  const [open, setOpen] = useState<Open>(null)
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      const wanted = wantedBy(event)
      if (wanted === null) return
      event.preventDefault()
      // Text editors know Ctrl-K too; here it means one thing everywhere.
      event.stopPropagation()
      setOpen(wanted)
    }
    const stop = onOpenCommands(() => setOpen('palette'))
    window.addEventListener('keydown', listener, { capture: true })
    return () => {
      stop()
      window.removeEventListener('keydown', listener, { capture: true })
    }
  }, [])
  const close = () => setOpen(null)
  return (
    <Suspense>
      {/* eslint-disable house/open-in-address -- opened over any page, and gone with the first choice */}
      {open === 'palette' && <CommandPalette onClose={close} />}
      {open === 'help' && <ShortcutsHelp onClose={close} />}
      {/* eslint-enable house/open-in-address */}
    </Suspense>
  )
}
