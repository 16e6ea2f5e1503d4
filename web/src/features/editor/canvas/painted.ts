import { createContext, useContext } from 'react'

/** Whether live figures are painted over the graph instead of being part of each card and edge. */
export const PaintedContext = createContext(false)

/** Whether cards and edges leave their live figures to the layer over them. */
export function useIsPainted(): boolean {
  return useContext(PaintedContext)
}
