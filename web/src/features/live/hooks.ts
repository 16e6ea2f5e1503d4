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

/**
 * Calls `listener` for each event of a topic while the component is shown; `null` listens to nothing. `reread` is
 * called whenever the stream has opened, since nobody knows what was missed before.
 */
export function useLiveTopic(topic: string | null, listener: (event: LiveEvent) => void, reread: () => void): void {
  const { org } = useScope()
  const latest = useEffectEvent(listener)
  const opened = useEffectEvent(reread)
  useEffect(() => {
    if (topic === null) return undefined
    const hub = hubOf(org)
    const leave = [
      hub.subscribe(topic, (event) => latest(event)),
      hub.onState(() => {
        if (hub.state() === 'open') opened()
      }),
    ]
    return () => leave.forEach((each) => each())
  }, [org, topic])
}

/** Whether live data arrives at the moment. */
export function useLiveState(): LiveState {
  const hub = hubOf(useScope().org)
  return useSyncExternalStore(hub.onState, hub.state)
}
