import { useSyncExternalStore } from 'react'

export type TimeZone = 'local' | 'utc'

const KEY = 'vf:time-zone'
const listeners = new Set<() => void>()

function remembered(): TimeZone {
  try {
    return localStorage.getItem(KEY) === 'utc' ? 'utc' : 'local'
  } catch {
    return 'local'
  }
}

let current = remembered()

/** In which zone times are written at the moment. */
export function timeZone(): TimeZone {
  return current
}

/** Chooses the zone that times are written in and remembers it on this machine. */
export function setTimeZone(zone: TimeZone): void {
  current = zone
  try {
    localStorage.setItem(KEY, zone)
  } catch {
    // Storage may be switched off; the choice lasts until reload.
  }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** The chosen zone; whoever writes times renders again when it changes. */
export function useTimeZone(): TimeZone {
  return useSyncExternalStore(subscribe, timeZone)
}
