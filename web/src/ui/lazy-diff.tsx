import type { ComponentProps } from 'react'
import { lazy, Suspense } from 'react'
import type { DiffView } from './diff-view'
import { LoadingState } from './states'

// The text editor in it is large; the page is usable before it arrives.
const Loaded = lazy(async () => ({ default: (await import('./diff-view')).DiffView }))

/** A difference whose editor is loaded when it is first shown. */
export function LazyDiff(props: ComponentProps<typeof DiffView>) {
  return (
    <Suspense fallback={<LoadingState rows={4} />}>
      <Loaded {...props} />
    </Suspense>
  )
}
