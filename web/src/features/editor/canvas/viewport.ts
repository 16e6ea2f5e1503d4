import { useNavigate, useSearch } from '@tanstack/react-router'
import type { Viewport } from '@xyflow/react'

const FORM = /^(-?\d{1,6}),(-?\d{1,6}),(\d(?:\.\d{1,3})?)$/

/** How the whole graph is brought into view where somebody asks for the whole: never larger than it is. */
export const FIT = { padding: 0.08, maxZoom: 1 }

/** A viewport as the address holds it: the pixels it is moved by, and its zoom. */
export function viewportText({ x, y, zoom }: Viewport): string {
  return `${Math.round(x)},${Math.round(y)},${Number(zoom.toFixed(3))}`
}

/** The viewport that an address names, or null. */
export function parseViewport(text: string | undefined): Viewport | null {
  const match = FORM.exec(text ?? '')
  if (match === null) return null
  return { x: Number(match[1]), y: Number(match[2]), zoom: Math.min(2, Math.max(0.15, Number(match[3]))) }
}

/** The part of the graph that is shown, kept in the address: a link opens the same view. */
export function useViewportAddress() {
  const { at } = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  const remember = (viewport: Viewport) => void navigate({ search: (before) => ({ ...before, at: viewportText(viewport) }), replace: true })
  return { viewport: parseViewport(at), remember }
}
