import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { createContext, useCallback, useContext, useEffect, useState, useSyncExternalStore } from 'react'
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

/** The latest rates of one component; renders only when these change. */
export function useComponentRates(component: string): ComponentRates | undefined {
  const store = useContext(Context)
  const subscribe = useCallback((listener: () => void) => store.subscribe(component, listener), [store, component])
  return useSyncExternalStore(subscribe, () => store.get(component))
}

/** How old the rates are in seconds, or null while they are fresh. */
export function useStaleSeconds(): number | null {
  const store = useContext(Context)
  useSyncExternalStore(store.subscribeAny, store.getVersion)
  const now = useNow(5000)
  return store.staleSeconds(now)
}
