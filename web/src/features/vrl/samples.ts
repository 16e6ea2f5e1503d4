import { useSyncExternalStore } from 'react'
import { useParams } from '@tanstack/react-router'
import type { Event } from './fields'
import { eventsFrom } from './fields'

export type Samples = { text: string; events: Event[]; problem: string | null }

const EXAMPLE = '{"message": "{\\"level\\":\\"info\\",\\"user\\":\\"ada\\",\\"duration_ms\\":\\"12.5\\"}", "host": "web-1"}\n'
const listeners = new Set<() => void>()
const known = new Map<string, Samples>()

function keyOf(pipeline: string): string {
  return `vf:samples:${pipeline}`
}

function parsed(text: string): Samples {
  return { text, ...eventsFrom(text) }
}

function read(pipeline: string): Samples {
  let samples = known.get(pipeline)
  if (samples === undefined) {
    let text: string | null = null
    try {
      text = sessionStorage.getItem(keyOf(pipeline))
    } catch {
      // Nothing was kept where storage is switched off.
    }
    samples = parsed(text ?? EXAMPLE)
    known.set(pipeline, samples)
  }
  return samples
}

function write(pipeline: string, text: string): void {
  known.set(pipeline, parsed(text))
  try {
    // Events may hold what is private: they stay in this tab and go with it.
    sessionStorage.setItem(keyOf(pipeline), text)
  } catch {
    // Full or switched off: they last until reload.
  }
  for (const listener of listeners) listener()
}

/** Forgets the events of all pipelines. */
export function forgetSamples(): void {
  known.clear()
  try {
    const keys = Array.from({ length: sessionStorage.length }, (_, index) => sessionStorage.key(index) ?? '')
    for (const key of keys) if (key.startsWith(keyOf(''))) sessionStorage.removeItem(key)
  } catch {
    // Nothing was kept where storage is switched off.
  }
}

/** The events that this pipeline's programs are tried on; kept in this tab only. */
export function useSamples(): [Samples, (text: string) => void] {
  const { pipelineId = '' } = useParams({ strict: false })
  const samples = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => read(pipelineId),
  )
  return [samples, (text) => write(pipelineId, text)]
}
