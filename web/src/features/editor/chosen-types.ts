import { useSyncExternalStore } from 'react'
import type { ComponentSpec } from './graph/types'

const KEY = 'vf:component-types'
const MOST_RECENT = 8

type Chosen = { recent: readonly string[]; favourites: readonly string[] }

const NOTHING: Chosen = { recent: [], favourites: [] }
const listeners = new Set<() => void>()

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []
}

function remembered(): Chosen {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null')
    if (typeof value !== 'object' || value === null) return NOTHING
    return { recent: texts('recent' in value ? value.recent : null), favourites: texts('favourites' in value ? value.favourites : null) }
  } catch {
    return NOTHING
  }
}

let current = remembered()

function replace(next: Chosen): void {
  current = next
  try {
    localStorage.setItem(KEY, JSON.stringify(next))
  } catch {
    // Lasts until reload where storage is switched off.
  }
  for (const listener of listeners) listener()
}

/** The key of a type, over kinds. */
export function typeKey(spec: Pick<ComponentSpec, 'kind' | 'type'>): string {
  return `${spec.kind}/${spec.type}`
}

/** Notes that somebody added a component of this type. */
export function rememberType(spec: ComponentSpec): void {
  const key = typeKey(spec)
  replace({ ...current, recent: [key, ...current.recent.filter((each) => each !== key)].slice(0, MOST_RECENT) })
}

/** Makes a type a favourite, or no longer one. */
export function toggleFavourite(spec: ComponentSpec): void {
  const key = typeKey(spec)
  const without = current.favourites.filter((each) => each !== key)
  replace({ ...current, favourites: without.length < current.favourites.length ? without : [...without, key] })
}

/** Favourites before recent ones before all others. */
export function usedRank(spec: ComponentSpec, recent: readonly string[], favourites: readonly string[]): number {
  const key = typeKey(spec)
  if (favourites.includes(key)) return favourites.indexOf(key) - 1000
  return recent.includes(key) ? recent.indexOf(key) - 500 : 0
}

/** What this person uses, on this machine. */
export function useChosenTypes(): Chosen {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => current,
  )
}
