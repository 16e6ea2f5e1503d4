import { createContext, useContext } from 'react'
import { useStore } from 'zustand'
import type { CheckResult } from '@/api/gen'
import type { SpecIndex } from './graph/types'
import type { EditorState, EditorStore } from './store'
import type { TextSession } from './text/session'

export type EditorContextValue = {
  store: EditorStore
  specs: SpecIndex
  pipelineId: string
  canEdit: boolean
  /** The component that the address names. */
  selected: string | undefined
  /** Chooses a component, and shows it unless the pane beside the canvas is to stay. */
  select: (component: string | undefined, options?: { keepPane: boolean }) => void
  /** The pipeline as text, kept together with the graph. */
  text: TextSession
}

export const EditorContext = createContext<EditorContextValue | null>(null)
/** The last answer of the check; its own context, so that a check does not render the canvas. */
export const CheckContext = createContext<{ result: CheckResult | undefined; isStale: boolean; error: unknown }>({
  result: undefined,
  isStale: false,
  error: null,
})

/** The open editor. */
export function useEditor(): EditorContextValue {
  const value = useContext(EditorContext)
  if (value === null) throw new Error('There is no editor around this component.')
  return value
}

/** A part of the editor's state. */
export function useEditorState<Part>(select: (state: EditorState) => Part): Part {
  return useStore(useEditor().store, select)
}

/** The last answer of the check. */
export function useCheck() {
  return useContext(CheckContext)
}
