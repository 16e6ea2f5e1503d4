import { useEffect, useEffectEvent, useSyncExternalStore } from 'react'

/** Something that can be done by name; `refusal` says why it cannot be done now. */
export type Command = {
  id: string
  label: string
  group: 'actions' | 'pages' | 'pipelines' | 'environments'
  hint?: string
  refusal?: string | null
  run: () => void
}

let registered: readonly Command[] = []
const listeners = new Set<() => void>()

function replace(next: readonly Command[]): void {
  registered = next
  for (const listener of listeners) listener()
}

/** Offers commands until the returned function is called. */
export function registerCommands(commands: readonly Command[]): () => void {
  replace([...registered, ...commands])
  return () => replace(registered.filter((each) => !commands.includes(each)))
}

type Offer = { id: string; label: string; hint?: string; refusal?: string | null }

/** Offers the actions of a page while it is shown; `run` gets the id of the chosen one. */
export function usePageCommands(offers: Offer[], run: (id: string) => void): void {
  const latest = useEffectEvent(run)
  const key = JSON.stringify(offers)
  useEffect(() => {
    const parsed = JSON.parse(key) as Offer[]
    return registerCommands(parsed.map((each) => ({ ...each, group: 'actions' as const, run: () => latest(each.id) })))
  }, [key])
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** What the open page offers. */
export function usePageOffers(): readonly Command[] {
  return useSyncExternalStore(subscribe, () => registered)
}

/** The commands whose words hold every word of the query; those whose name begins with it come first. */
export function findCommands(commands: readonly Command[], query: string): Command[] {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== '')
  const matches = commands.filter((each) => {
    const text = `${each.label} ${each.hint ?? ''} ${each.group}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  const begins = (each: Command) => words.length > 0 && each.label.toLowerCase().startsWith(words[0] ?? '')
  return matches.sort((a, b) => Number(begins(b)) - Number(begins(a)))
}
