import { useEffect } from 'react'
import { toast } from 'sonner'
import { t } from '@/lib/i18n'

const EVERY_MS = 60_000

/** The script that a page begins with; its name holds the hash of the build. */
export function entryOf(html: string): string | null {
  return /<script[^>]+src="([^"]*\/assets\/index-[^"]+\.js)"/.exec(html)?.[1] ?? null
}

/** Whether the server now serves another build than the one of this page; false when it cannot be told. */
export async function hasNewBuild(own: string | null, get: () => Promise<string>): Promise<boolean> {
  if (own === null) return false
  try {
    const served = entryOf(await get())
    return served !== null && served !== own
  } catch {
    return false
  }
}

async function startPage(): Promise<string> {
  const answer = await fetch('/', { cache: 'no-store', signal: AbortSignal.timeout(10_000) })
  return answer.ok ? answer.text() : ''
}

/** Offers to reload once the server serves another build than this page's; looks when the tab is shown, and each minute. */
export function useNewBuild(): void {
  useEffect(() => {
    const own = document.querySelector('script[src*="/assets/index-"]')?.getAttribute('src') ?? null
    let isOffered = false
    const look = async () => {
      if (isOffered || document.visibilityState !== 'visible' || !(await hasNewBuild(own, startPage)) || isOffered) return
      isOffered = true
      toast(t('VectorFlow was updated'), {
        description: t('Reload to use the new version. Unsaved drafts stay.'),
        duration: Infinity,
        action: { label: t('Reload'), onClick: () => window.location.reload() },
      })
    }
    const timer = setInterval(() => void look(), EVERY_MS)
    const shown = () => void look()
    document.addEventListener('visibilitychange', shown)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', shown)
    }
  }, [])
}
