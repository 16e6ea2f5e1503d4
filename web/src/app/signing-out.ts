import type { QueryClient } from '@tanstack/react-query'
import type { AppRouter } from './router'
import { sessionBrowser, SessionTabs } from './session-tabs'

// Only who signs out needs to know what the editor keeps.
const draftStorage = () => import('@/features/editor/draft-storage')

let tabs: SessionTabs | null = null

/** Answers the other tabs of this browser, and leaves when somebody signs out in one of them. */
export function joinTabs(router: AppRouter, queryClient: QueryClient): void {
  const browser = sessionBrowser()
  if (browser === null) return
  tabs = new SessionTabs(browser, {
    unsaved: async (account) => (await draftStorage()).unsavedPipelines(account),
    leave: (account) => void leaveSession(router, queryClient, account),
  })
}

/** Leaves every page that shows what belongs to a session, and forgets what this tab keeps of the account. */
export async function leaveSession(router: AppRouter, queryClient: QueryClient, account: string): Promise<void> {
  // The editor keeps what it holds when it is left, so that is forgotten after.
  await router.navigate({ to: '/sign-in', ignoreBlocker: true })
  await (await draftStorage()).forgetUnsaved(account)
  ;(await import('@/features/vrl/samples')).forgetSamples()
  queryClient.clear()
}

/** What is lost by signing out: how many pipelines have unsaved work in any tab, and how many tabs gave no answer. */
export async function unsavedAnywhere(account: string): Promise<{ pipelines: number; silent: number }> {
  const [own, others] = await Promise.all([(await draftStorage()).unsavedPipelines(account), tabs?.unsavedElsewhere(account)])
  return { pipelines: new Set([...own, ...(others?.pipelines ?? [])]).size, silent: others?.silent ?? 0 }
}

/** Has the other tabs leave as well. */
export function tellSignedOut(account: string): void {
  tabs?.tellSignedOut(account)
}
