import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, indentOnInput, indentUnit } from '@codemirror/language'
import type { Extension } from '@codemirror/state'
import { Annotation, EditorState, Prec, Transaction } from '@codemirror/state'
import { EditorView, keymap, lineNumbers } from '@codemirror/view'
import type { Ref } from 'react'
import { useEffect, useEffectEvent, useImperativeHandle, useRef } from 'react'
import type { LineMark } from './code-marks'
import { lineMarks, setLineMarks } from './code-marks'
import { codeTheme, cspNonce } from './code-theme'
import { vrl } from './vrl-language'

export type CodeLanguage = 'yaml' | 'vrl' | 'text'

/** Marks a change that came from outside, so that it is not reported back. */
const fromOutside = Annotation.define<boolean>()

/** The one replacement that turns a text into another, or null when they are the same. */
export function difference(before: string, after: string): { from: number; to: number; insert: string } | null {
  if (before === after) return null
  const shorter = Math.min(before.length, after.length)
  let from = 0
  while (from < shorter && before[from] === after[from]) from += 1
  let end = 0
  while (end < shorter - from && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1
  return { from, to: before.length - end, insert: after.slice(from, after.length - end) }
}

/** The parts that every editor has. */
export function codeBasics(language: CodeLanguage, label: string): Extension[] {
  return [
    EditorView.cspNonce.of(cspNonce()),
    EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', tabindex: '0' }),
    indentUnit.of('  '),
    codeTheme,
    ...(language === 'yaml' ? [yaml()] : language === 'vrl' ? [vrl()] : []),
  ]
}

/** What others may do with an open editor. */
export type CodeHandle = {
  /** Puts whole lines where the cursor stands, as if they were typed. */
  insert: (text: string) => void
}

/** A text as lines of its own at a place: a new line before it where that line has begun, and after it where more follows. */
export function asLines(text: string, before: string, after: string): string {
  return `${before.trim() === '' ? '' : '\n'}${text}${after.trim() === '' ? '' : '\n'}`
}

type CodeEditorProps = {
  label: string
  value: string
  onChange?: (value: string) => void
  language: CodeLanguage
  readOnly?: boolean
  minLines?: number
  /** Fills its parent and scrolls inside; otherwise grows with its text. */
  fill?: boolean
  /** A line (from 1) to bring into view. */
  line?: number | null
  /** Remarks that stand on lines. */
  marks?: readonly LineMark[]
  onMark?: (line: number) => void
  /** More of CodeMirror for this text, such as completion; must stay the same object while nothing changes. */
  extensions?: Extension
  handle?: Ref<CodeHandle>
  /** The line (from 1) that the cursor was put on by a person. */
  onCursorLine?: (line: number) => void
}

const NO_MARKS: readonly LineMark[] = []
const NOTHING: Extension = []

/** Who comes by keyboard goes on with Tab until something is typed, so that nobody is caught who only passes; then it indents, until Escape. */
function passing(): Extension {
  let isPointing = false
  return [
    EditorView.domEventHandlers({
      mousedown: (_event, view) => {
        isPointing = true
        view.setTabFocusMode(false)
      },
      focus: (_event, view) => {
        if (!isPointing) view.setTabFocusMode(true)
        isPointing = false
      },
    }),
    EditorView.updateListener.of(({ transactions, view }) => {
      if (transactions.some((each) => each.isUserEvent('input') || each.isUserEvent('delete'))) view.setTabFocusMode(false)
    }),
  ]
}

/** A text editor for YAML and VRL. */
export function CodeEditor(props: CodeEditorProps) {
  const { label, value, language, readOnly = false, minLines = 1, fill = false, line = null, marks = NO_MARKS, extensions = NOTHING } = props
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(null)
  const report = useEffectEvent((text: string) => props.onChange?.(text))
  const initial = useEffectEvent(() => value)
  const reportLine = useEffectEvent((at: number) => props.onCursorLine?.(at))
  const reportMark = useEffectEvent((at: number) => props.onMark?.(at))

  useEffect(() => {
    if (host.current === null) return undefined
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: initial(),
        extensions: [
          codeBasics(language, label),
          Prec.high(extensions),
          fill ? lineNumbers() : [],
          EditorState.readOnly.of(readOnly),
          lineMarks((at) => reportMark(at)),
          passing(),
          history(),
          bracketMatching(),
          indentOnInput(),
          fill ? [] : EditorView.lineWrapping,
          keymap.of([...defaultKeymap, ...historyKeymap, ...(readOnly || (!fill && minLines === 1) ? [] : [indentWithTab])]),
          EditorView.updateListener.of((update) => {
            const outside = update.transactions.some((each) => each.annotation(fromOutside) === true)
            if (update.docChanged && !outside) report(update.state.doc.toString())
            else if (update.selectionSet && !outside && update.transactions.some((each) => each.isUserEvent('select'))) {
              reportLine(update.state.doc.lineAt(update.state.selection.main.head).number)
            }
          }),
        ],
      }),
    })
    view.current = editor
    return () => editor.destroy()
  }, [language, label, readOnly, fill, minLines, extensions])

  useImperativeHandle(
    props.handle,
    () => ({
      insert: (text) => {
        const editor = view.current
        if (editor === null) return
        const { head } = editor.state.selection.main
        const line = editor.state.doc.lineAt(head)
        const added = asLines(text, line.text.slice(0, head - line.from), line.text.slice(head - line.from))
        editor.dispatch(editor.state.replaceSelection(added), { scrollIntoView: true, userEvent: 'input.paste' })
        editor.focus()
      },
    }),
    [],
  )

  useEffect(() => {
    const editor = view.current
    if (editor === null) return
    const changes = difference(editor.state.doc.toString(), value)
    // Only what differs is replaced, so that the cursor and the scroll position stay.
    if (changes !== null) editor.dispatch({ changes, annotations: [fromOutside.of(true), Transaction.addToHistory.of(false)] })
  }, [value])

  useEffect(() => {
    view.current?.dispatch({ effects: setLineMarks.of(marks) })
  }, [marks])

  useEffect(() => {
    const editor = view.current
    // Nobody's cursor is moved while they write.
    if (editor === null || editor.hasFocus || line === null || line < 1 || line > editor.state.doc.lines) return
    const { from } = editor.state.doc.line(line)
    editor.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: 'center' }) })
  }, [line])

  const frame = fill ? 'h-full min-h-0' : 'rounded-md border border-control/60 bg-surface overflow-hidden'
  return <div ref={host} className={`flex min-w-0 ${frame} [&_.cm-editor]:min-w-0 [&_.cm-editor]:flex-1`} style={fill ? undefined : { minHeight: `${minLines * 1.25 + 0.6}rem` }} />
}
