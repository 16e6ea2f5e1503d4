import { useEffect, useEffectEvent, useSyncExternalStore } from 'react'
import { useScope } from '@/app/scope'
import type { LiveEvent, LiveState } from './event-hub'
import { EventHub } from './event-hub'

const hubs = new Map<string, EventHub>()

function hubOf(org: string): EventHub {
  let hub = hubs.get(org)
  if (hub === undefined) {
    hub = new EventHub(org)
    hubs.set(org, hub)
  }
  return hub
}

/** Calls `listener` for each event of a topic while the component is shown; `null` listens to nothing. */
export function useLiveTopic(topic: string | null, listener: (event: LiveEvent) => void): void {
  const { org } = useScope()
  const latest = useEffectEvent(listener)
  useEffect(() => {
    if (topic === null) return undefined
    return hubOf(org).subscribe(topic, (event) => latest(event))
  }, [org, topic])
}

/** Whether live data arrives at the moment. */
export function useLiveState(): LiveState {
  const hub = hubOf(useScope().org)
  return useSyncExternalStore(hub.onState, hub.state)
}
