import { createContext, useContext } from 'react'
import type { Point } from '../graph/operations'

export type CanvasActions = {
  /** Opens the list of components to put behind an output. */
  addAfter: (component: string, port: string, at?: Point) => void
  /** Opens the list of components that can feed another one. */
  addBefore: (component: string, at: Point) => void
  /** Opens the list of transforms to put onto an edge. */
  addOnEdge: (key: string) => void
}

export const CanvasActionsContext = createContext<CanvasActions>({ addAfter: () => undefined, addBefore: () => undefined, addOnEdge: () => undefined })

/** What cards and edges can ask the canvas for. */
export function useCanvasActions(): CanvasActions {
  return useContext(CanvasActionsContext)
}
