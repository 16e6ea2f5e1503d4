import { createStore } from 'zustand/vanilla'
import type { EditedDocument, Finding } from '@/api/gen'
import { t } from '@/lib/i18n'
import { isUnreachable } from '@/lib/problem'
import type { Document } from '../graph/types'
import { wholeDocument } from '../graph/types'
import type { EditorStore } from '../store'

export type TextState = {
  text: string
  /** Whether the graph was ever written as text. */
  isReady: boolean
  /** What keeps the text from being read; lines count in the text. */
  findings: readonly Finding[]
  /** The text cannot be read at the moment; the graph keeps its last good state. */
  isBroken: boolean
  /** The graph was changed elsewhere while the text could not be read. */
  isBehind: boolean
  error: unknown
}

/** Turns documents into text and back; the server does both, so that nobody else has to know how. */
export type Translator = { write: (document: Document) => Promise<string>; read: (text: string, document: Document) => Promise<EditedDocument> }

/** Where a text that cannot be read is kept over a reload, with the version of the pipeline it was typed over. */
export type TextKeep = { load: () => { text: string; etag: string } | null; save: (text: string, etag: string) => void; drop: () => void }

const NOWHERE: TextKeep = { load: () => null, save: () => undefined, drop: () => undefined }
const TYPED_MS = 250
const CHANGED_MS = 120
/** How soon a text is sent once more when nobody answered, in milliseconds. */
const AGAIN_MS = 3000
const NO_FINDINGS: readonly Finding[] = []
const PARTS = ['components', 'edges', 'globals', 'enrichment_tables', 'tests', 'comments'] as const

/** The document with every part of `before` that is equal in it, so that only what was changed is drawn anew. */
function shared(before: Document, document: Document): Document {
  const known = new Map(before.components.map((each) => [each.id, each]))
  const same = <Part>(old: Part, now: Part): Part => (JSON.stringify(old) === JSON.stringify(now) ? old : now)
  return { ...document, components: document.components.map((each) => same(known.get(each.id) ?? each, each)), edges: same(before.edges, document.edges) }
}

/** Whether two documents are the same text: all but layout and variables. */
function isSameText(a: Document, b: Document | null): boolean {
  return b !== null && PARTS.every((part) => a[part] === b[part])
}

/**
 * The text of one open editor and the graph, kept together: what is typed changes the graph once it can be read,
 * and what is changed in the graph is written anew. A text in the making never changes the graph.
 */
export class TextSession {
  readonly state = createStore<TextState>()(() => ({ text: '', isReady: false, findings: NO_FINDINGS, isBroken: false, isBehind: false, error: null }))
  /** The document that the text stands for. */
  private of: Document | null = null
  /** Counts what happened, so that a late answer knows that it is late. */
  private turn = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private unread: string | null = null
  private stopListening: (() => void) | null = null

  constructor(
    private readonly store: EditorStore,
    private readonly translator: Translator,
    private readonly keep: TextKeep = NOWHERE,
  ) {}

  /** Begins to follow the graph; returns what ends it. */
  start(): () => void {
    this.stopListening ??= this.store.subscribe(() => this.graphChanged())
    const kept = this.of === null ? this.keep.load() : null
    if (kept === null) this.graphChanged()
    else void this.bringBack(kept.text, kept.etag)
    return () => {
      this.stopListening?.()
      this.stopListening = null
      if (this.unread === null) clearTimeout(this.timer)
    }
  }

  /** Takes what a person typed. */
  type(text: string): void {
    this.state.setState({ text })
    this.keep.save(text, this.store.getState().etag)
    this.unread = text
    this.turn += 1
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.flush(), TYPED_MS)
  }

  /** Reads what was typed now; to be awaited before anything is done with the draft. */
  async flush(): Promise<void> {
    clearTimeout(this.timer)
    const text = this.unread
    if (text === null) return
    this.unread = null
    const turn = this.turn
    try {
      const edited = await this.translator.read(text, this.store.getState().draft.document)
      if (turn === this.turn) this.take(edited)
    } catch (error) {
      if (turn !== this.turn) return
      // It was not read, so it stays to be read, by the next try or by the next save.
      this.unread = text
      this.state.setState({ error, isBroken: true })
      if (isUnreachable(error)) this.timer = setTimeout(() => void this.flush(), AGAIN_MS)
    }
  }

  /** Gives the text up and writes the graph as it is. */
  showGraph(): void {
    this.unread = null
    this.keep.drop()
    this.state.setState({ isBroken: false, isBehind: false, findings: NO_FINDINGS })
    this.of = null
    this.graphChanged()
  }

  /** Shows a text of before a reload. Over a newer version of the pipeline it is only shown, until a person decides. */
  private async bringBack(text: string, etag: string): Promise<void> {
    this.state.setState({ text, isReady: true })
    if (etag === this.store.getState().etag) {
      this.unread = text
      await this.flush()
      return
    }
    this.keep.save(text, etag)
    this.state.setState({ isBroken: true, isBehind: true })
  }

  private take(edited: EditedDocument): void {
    if (edited.document === null) {
      this.state.setState({ findings: edited.findings, isBroken: true, error: null })
      return
    }
    const document = wholeDocument(edited.document)
    const places = this.store.getState().draft.document.layout
    const placed = { ...shared(this.store.getState().draft.document, document), layout: { ...document.layout, ...Object.fromEntries(Object.entries(places).filter(([id]) => id in document.layout)) } }
    this.of = placed
    this.keep.drop()
    this.state.setState({ findings: edited.findings, isBroken: false, isBehind: false, error: null, isReady: true })
    this.store.getState().change(t('Edit the YAML'), (draft) => ({ ...draft, document: placed }), 'yaml')
  }

  private graphChanged(): void {
    const { document } = this.store.getState().draft
    if (isSameText(document, this.of)) return
    if (this.state.getState().isBroken) {
      // A text that nobody read yet would now undo what was done in the graph: a person decides.
      if (this.state.getState().error !== null) {
        this.unread = null
        clearTimeout(this.timer)
      }
      this.state.setState({ isBehind: true, error: null })
      return
    }
    if (this.unread !== null && this.of !== null) return
    this.turn += 1
    clearTimeout(this.timer)
    const delay = this.of === null ? 0 : CHANGED_MS
    this.timer = setTimeout(() => void this.write(document), delay)
  }

  private async write(document: Document): Promise<void> {
    const turn = this.turn
    try {
      const text = await this.translator.write(document)
      if (turn !== this.turn) return
      this.of = document
      this.state.setState({ text, isReady: true, findings: NO_FINDINGS, error: null })
    } catch (error) {
      if (turn !== this.turn) return
      this.state.setState({ error })
      if (isUnreachable(error)) this.timer = setTimeout(() => void this.write(document), AGAIN_MS)
    }
  }
}
