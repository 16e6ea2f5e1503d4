import { useSyncExternalStore } from 'react'

/** As wide as `max-sm` in classes. */
const QUERY = '(max-width: 639.98px)'

/** Whether the window is narrower than 640 pixels, as on a phone. */
export function useNarrow(): boolean {
  return useSyncExternalStore(watch, () => matchMedia(QUERY).matches)
}

function watch(changed: () => void): () => void {
  const query = matchMedia(QUERY)
  query.addEventListener('change', changed)
  return () => query.removeEventListener('change', changed)
}
