import { createContext, useContext } from 'react'
import type { Point } from '../graph/operations'

export type CanvasActions = {
  /** Opens the list of components to put behind an output. */
  addAfter: (component: string, port: string, at?: Point) => void
  /** Opens the list of components that can feed another one. */
  addBefore: (component: string, at: Point) => void
  /** Opens the list of transforms to put onto an edge. */
  addOnEdge: (key: string) => void
  /** Opens a tap on an output. */
  tap: (component: string, port: string) => void
  /** Asks for the group to put components into. */
  group: (ids: ReadonlySet<string>) => void
  /** Takes components out of the groups that they are in. */
  ungroup: (ids: ReadonlySet<string>) => void
  /** Asks for another name for a group. */
  renameGroup: (name: string) => void
  dissolve: (name: string) => void
  /** Folds a group into one card, or unfolds it. */
  fold: (name: string, isCollapsed: boolean) => void
  /** Selects the components of a group, which unfolds it. */
  choose: (name: string, ids: readonly string[]) => void
}

const nothing = () => undefined

export const CanvasActionsContext = createContext<CanvasActions>({
  addAfter: nothing,
  addBefore: nothing,
  addOnEdge: nothing,
  tap: nothing,
  group: nothing,
  ungroup: nothing,
  renameGroup: nothing,
  dissolve: nothing,
  fold: nothing,
  choose: nothing,
})

/** What cards and edges can ask the canvas for. */
export function useCanvasActions(): CanvasActions {
  return useContext(CanvasActionsContext)
}
