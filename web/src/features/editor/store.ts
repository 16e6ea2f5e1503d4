import { createStore } from 'zustand/vanilla'
import type { Pipeline } from '@/api/gen'
import { same } from './graph/same'
import type { Document } from './graph/types'
import { wholeDocument } from './graph/types'
import { withPlaces } from './graph/layout'

/** What a person edits: the document and how the pipeline is called. */
export type Draft = { document: Document; name: string; description: string }

type Step = { label: string; draft: Draft; merge: string | null; at: number }

export type EditorState = {
  draft: Draft
  /** The draft as the server last confirmed it. */
  saved: Draft
  /** The version that the next save must replace. */
  etag: string
  /** The draft of that version, or null where it is not known: after a reload over a newer one. */
  base: Draft | null
  past: Step[]
  future: Step[]
  /** Changes the draft as one step to undo. Changes with the same `merge` key shortly after each other are one step. */
  change: (label: string, change: (draft: Draft) => Draft, merge?: string) => void
  undo: () => void
  redo: () => void
  /** The server took the draft that was sent; what was typed meanwhile stays unsaved. */
  confirm: (sent: Draft, etag: string) => void
  /** Replaces everything by what the server has; the step can be undone. */
  takeOver: (pipeline: Pipeline, label: string) => void
  /** From now on a save replaces this version. */
  rebase: (pipeline: Pipeline) => void
}

const MERGE_MS = 1500
const MAX_STEPS = 500

export function draftOf(pipeline: Pipeline): Draft {
  return { document: withPlaces(wholeDocument(pipeline.document)), name: pipeline.name, description: pipeline.description }
}

function pushed(state: EditorState, label: string, merge: string | null, now: number): Step[] {
  const last = state.past.at(-1)
  if (merge !== null && last?.merge === merge && now - last.at < MERGE_MS && state.future.length === 0) {
    return [...state.past.slice(0, -1), { ...last, at: now }]
  }
  return [...state.past, { label, draft: state.draft, merge, at: now }].slice(-MAX_STEPS)
}

/** What an earlier load of the page left behind, unless the server has it already: then only the answer to a save was missed. */
export function stillUnsaved<Kept extends { draft: Draft }>(kept: Kept | null, pipeline: Pipeline): Kept | null {
  return kept === null || same(kept.draft, draftOf(pipeline)) ? null : kept
}

/** The state of one open editor. A new one is made for each pipeline, so that no graph leaks into another. */
export function createEditorStore(pipeline: Pipeline, restored: { draft: Draft; etag: string } | null) {
  const saved = draftOf(pipeline)
  return createStore<EditorState>()((set) => ({
    draft: restored?.draft ?? saved,
    saved,
    etag: restored?.etag ?? pipeline.etag,
    base: restored === null || restored.etag === pipeline.etag ? saved : null,
    past: [],
    future: [],
    change: (label, change, merge) =>
      set((state) => {
        const draft = change(state.draft)
        if (draft === state.draft) return state
        return { draft, past: pushed(state, label, merge ?? null, Date.now()), future: [] }
      }),
    undo: () =>
      set((state) => {
        const step = state.past.at(-1)
        if (step === undefined) return state
        const undone = { ...step, draft: state.draft, merge: null }
        return { draft: step.draft, past: state.past.slice(0, -1), future: [...state.future, undone] }
      }),
    redo: () =>
      set((state) => {
        const step = state.future.at(-1)
        if (step === undefined) return state
        const done = { ...step, draft: state.draft, merge: null }
        return { draft: step.draft, past: [...state.past, done], future: state.future.slice(0, -1) }
      }),
    confirm: (sent, etag) => set({ saved: sent, base: sent, etag }),
    takeOver: (theirs, label) =>
      set((state) => {
        const draft = draftOf(theirs)
        return { draft, saved: draft, base: draft, etag: theirs.etag, past: pushed(state, label, null, Date.now()), future: [] }
      }),
    rebase: (theirs) => {
      const base = draftOf(theirs)
      set({ saved: base, base, etag: theirs.etag })
    },
  }))
}

export type EditorStore = ReturnType<typeof createEditorStore>

/** Whether something is not saved yet. */
export function isDirty({ draft, saved }: Pick<EditorState, 'draft' | 'saved'>): boolean {
  return draft.document !== saved.document || draft.name !== saved.name || draft.description !== saved.description
}
