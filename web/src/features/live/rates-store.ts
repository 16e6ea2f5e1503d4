import { replaceEqualDeep } from '@tanstack/react-query'
import type { ComponentRates, Rates } from '@/api/gen'

const QUIET_SECONDS = 30
/** So many of the components on show are drawn anew in one frame, and none in the next, so that a late one is made up for. */
const PER_FRAME = 4
const PAUSE_MS = 17

function afterPause(run: () => void): void {
  setTimeout(() => requestAnimationFrame(run), PAUSE_MS)
}

/**
 * The latest rates of one pipeline, outside React: each card and edge listens to its own component,
 * so a heartbeat renders a few numbers and never the canvas.
 */
export class RatesStore {
  private components = new Map<string, ComponentRates>()
  private readonly listeners = new Map<string, Set<() => void>>()
  private readonly anyListeners = new Set<() => void>()
  private serverStale: number | null = null
  private measuredAt = ''
  private receivedAt = 0
  private readonly waiting = new Set<string>()
  private isPaced = false

  constructor(private readonly nextFrame: (run: () => void) => void = afterPause) {}

  /** Takes over a new measurement; an older one than the last is ignored. */
  update(rates: Rates, now: number): void {
    const at = rates.at ?? ''
    if (at < this.measuredAt) return
    this.measuredAt = at
    this.serverStale = rates.stale_seconds
    this.receivedAt = now
    const changed = this.replace(rates.components)
    for (const id of changed) this.waiting.add(id)
    if (!this.isPaced) this.tellSome()
    for (const listener of this.anyListeners) listener()
  }

  private tellSome(): void {
    let left = PER_FRAME
    for (const id of this.waiting) {
      if (left === 0) break
      left -= 1
      this.waiting.delete(id)
      for (const listener of this.listeners.get(id) ?? []) listener()
    }
    this.isPaced = this.waiting.size > 0
    if (this.isPaced) this.nextFrame(() => this.tellSome())
  }

  private replace(next: Record<string, ComponentRates>): string[] {
    const changed: string[] = []
    const components = new Map(Object.entries(next))
    // Nobody asks what changed where nobody listens: most of a large pipeline is out of view.
    for (const id of this.listeners.keys()) {
      const before = this.components.get(id)
      const next = components.get(id)
      const now = next === undefined ? undefined : replaceEqualDeep(before, next)
      if (now !== undefined) components.set(id, now)
      if (now !== before) changed.push(id)
    }
    this.components = components
    return changed
  }

  /** What is known about a component, or undefined when nothing was measured. */
  get(component: string): ComponentRates | undefined {
    return this.components.get(component)
  }

  /** Whether anything was measured since the page was opened. */
  isMeasured(): boolean {
    return this.receivedAt !== 0
  }

  /** Seconds since the shown data was true, or null while it is fresh or was never measured. */
  staleSeconds(now: number): number | null {
    if (this.receivedAt === 0) return null
    const quiet = (now - this.receivedAt) / 1000
    if (this.serverStale !== null) return this.serverStale + quiet
    return quiet > QUIET_SECONDS ? quiet : null
  }

  /** Listens to one component. */
  subscribe(component: string, listener: () => void): () => void {
    const listeners = this.listeners.get(component) ?? new Set()
    listeners.add(listener)
    this.listeners.set(component, listeners)
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0 || this.listeners.get(component) !== listeners) return
      this.listeners.delete(component)
      this.waiting.delete(component)
    }
  }

  /** Listens to every measurement. */
  readonly subscribeAny = (listener: () => void): (() => void) => {
    this.anyListeners.add(listener)
    return () => this.anyListeners.delete(listener)
  }
}
