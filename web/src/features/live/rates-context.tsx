import { useQuery } from '@tanstack/react-query'
import type { HTMLAttributes, ReactNode } from 'react'
import { createContext, useCallback, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { ComponentRates, Rates } from '@/api/gen'
import { getRatesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { useNow } from '@/lib/now'
import { useLiveState, useLiveTopic } from './hooks'
import { RatesStore } from './rates-store'

const Context = createContext<RatesStore>(new RatesStore())
const POLL_MS = 10_000

/** Provides the live rates of a pipeline; polls while the stream is down. */
export function RatesProvider({ pipelineId, children }: { pipelineId: string; children: ReactNode }) {
  const { org, env } = useScope()
  const [store] = useState(() => new RatesStore())
  const live = useLiveState()
  const query = useQuery({
    ...getRatesOptions({ path: { org, env, id: pipelineId } }),
    refetchInterval: live === 'open' ? false : POLL_MS,
    retry: false,
  })
  const polled = query.data
  useEffect(() => {
    if (polled !== undefined) store.update(polled, Date.now())
  }, [polled, store])
  useLiveTopic(
    `rates:${pipelineId}`,
    ({ data }) => {
      if (typeof data.components === 'object' && data.components !== null) store.update(data as unknown as Rates, Date.now())
    },
    () => void query.refetch(),
  )
  return <Context value={store}>{children}</Context>
}

/** The store itself, for what draws many components at once. */
export function useRatesStore(): RatesStore {
  return useContext(Context)
}

/** The latest rates of one component; renders only when these change. */
export function useComponentRates(component: string): ComponentRates | undefined {
  const store = useContext(Context)
  const subscribe = useCallback((listener: () => void) => store.subscribe(component, listener), [store, component])
  return useSyncExternalStore(subscribe, () => store.get(component))
}

/** One figure of a component's rates; renders only when that one changes. */
export function useRatesPart<Part extends string | number | boolean | undefined>(component: string, read: (rates: ComponentRates | undefined) => Part): Part {
  const store = useContext(Context)
  const subscribe = useCallback((listener: () => void) => store.subscribe(component, listener), [store, component])
  return useSyncExternalStore(subscribe, () => read(store.get(component)))
}

/** A figure, and what it says in words, which are made when it is pointed at. */
export type Figure = { text: string; title: () => string }

type RatesOf = (component: string) => ComponentRates | undefined
type LiveFigureProps = HTMLAttributes<HTMLSpanElement> & { component: string; read: (rates: ComponentRates | undefined, of: RatesOf) => Figure }

/** A figure of a component's rates, written in place: nothing renders, so hundreds a second cost little. `read` must be stable. */
export function LiveFigure({ component, read, children, ...rest }: LiveFigureProps) {
  const store = useContext(Context)
  const attach = useCallback(
    (element: HTMLSpanElement) => {
      const text = document.createTextNode('')
      element.prepend(text)
      const of = (other: string) => store.get(other)
      const show = () => {
        const next = read(store.get(component), of)
        if (text.data !== next.text) text.data = next.text
        if (element.matches(':hover')) element.title = next.title()
      }
      show()
      const stop = store.subscribe(component, show)
      element.addEventListener('pointerenter', show)
      return () => {
        stop()
        element.removeEventListener('pointerenter', show)
        text.remove()
      }
    },
    [store, component, read],
  )
  return (
    <span {...rest} ref={attach}>
      {children}
    </span>
  )
}

/** How old the rates are in seconds, or null while they are fresh. */
export function useStaleSeconds(): number | null {
  const store = useContext(Context)
  const now = useNow(5000)
  return useSyncExternalStore(store.subscribeAny, () => store.staleSeconds(now))
}

/** What several outputs send together in events per second; undefined while nothing is known of any of them. */
export function useSummedRate(outputs: readonly { source: string; port: string }[]): number | undefined {
  const store = useContext(Context)
  // The list is made anew with every change of the document; what it names counts.
  const key = JSON.stringify(outputs.map(({ source, port }) => [source, port]))
  const names = useMemo(() => JSON.parse(key) as [string, string][], [key])
  const subscribe = useCallback(
    (listener: () => void) => {
      const stops = names.map(([component]) => store.subscribe(component, listener))
      return () => stops.forEach((stop) => stop())
    },
    [store, names],
  )
  return useSyncExternalStore(subscribe, () => {
    const known = names.flatMap(([component, port]) => store.get(component)?.outputs[port]?.events_per_second ?? [])
    return known.length === 0 ? undefined : known.reduce((sum, each) => sum + each, 0)
  })
}
