import { createContext, useContext } from 'react'

export type CanvasActions = {
  /** Opens the list of components to put behind an output. */
  addAfter: (component: string, port: string) => void
  /** Opens the list of transforms to put onto an edge. */
  addOnEdge: (key: string) => void
}

export const CanvasActionsContext = createContext<CanvasActions>({ addAfter: () => undefined, addOnEdge: () => undefined })

/** What cards and edges can ask the canvas for. */
export function useCanvasActions(): CanvasActions {
  return useContext(CanvasActionsContext)
}
