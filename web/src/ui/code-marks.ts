import type { Extension, Transaction } from '@codemirror/state'
import { RangeSetBuilder, StateEffect, StateField } from '@codemirror/state'
import type { DecorationSet } from '@codemirror/view'
import { Decoration, EditorView, hoverTooltip } from '@codemirror/view'

/** A remark about a line (from 1) of a text, perhaps with something that settles it. */
export type LineMark = { line: number; severity: 'error' | 'warning' | 'note'; message: string; fix?: { label: string; run: () => void } }

const RANK = { error: 0, warning: 1, note: 2 }
const NO_MARKS: readonly LineMark[] = []

/** Replaces all marks of an editor. */
export const setLineMarks = StateEffect.define<readonly LineMark[]>()

/** One mark per line: the worst severity with every message. */
export function mergeMarks(marks: readonly LineMark[], lines: number): LineMark[] {
  const byLine = new Map<number, LineMark>()
  for (const mark of marks) {
    if (mark.line < 1 || mark.line > lines) continue
    const before = byLine.get(mark.line)
    if (before === undefined) byLine.set(mark.line, mark)
    else {
      const severity = RANK[mark.severity] < RANK[before.severity] ? mark.severity : before.severity
      byLine.set(mark.line, { line: mark.line, severity, message: `${before.message}\n${mark.message}` })
    }
  }
  return [...byLine.values()].sort((a, b) => a.line - b.line)
}

/** Marks keep to the text that they stand on until they are replaced. */
function moved(marks: readonly LineMark[], { docChanged, startState, newDoc, changes }: Transaction): readonly LineMark[] {
  if (!docChanged || marks.length === 0) return marks
  return marks.map((mark) => {
    if (mark.line < 1 || mark.line > startState.doc.lines) return mark
    const { number } = newDoc.lineAt(changes.mapPos(startState.doc.line(mark.line).from, 1))
    return number === mark.line ? mark : { ...mark, line: number }
  })
}

const field = StateField.define<readonly LineMark[]>({
  create: () => NO_MARKS,
  update: (marks, transaction) => transaction.effects.reduce((now, each) => (each.is(setLineMarks) ? each.value : now), moved(marks, transaction)),
})

/** Remarks as they stand in a tip: messages as text, and what settles them. */
export function remarks(marks: readonly LineMark[]): HTMLElement {
  const box = document.createElement('div')
  box.className = 'cm-remarks'
  for (const { severity, message, fix } of marks) {
    const row = box.appendChild(document.createElement('div'))
    row.className = `cm-remark cm-remark-${severity}`
    row.appendChild(document.createElement('span')).textContent = message
    if (fix === undefined) continue
    const button = row.appendChild(document.createElement('button'))
    button.type = 'button'
    button.textContent = fix.label
    button.onclick = fix.run
  }
  return box
}

/** The remarks about a line, when a pointer rests on it. */
const remarkTip = hoverTooltip((view, pos) => {
  const line = view.state.doc.lineAt(pos)
  const own = view.state.field(field).filter((each) => each.line === line.number)
  return own.length === 0 ? null : { pos: line.from, end: line.to, above: true, create: () => ({ dom: remarks(own) }) }
})

/** Marks lines by a tint, a bar and the message; a click on a marked line reports its number. */
export function lineMarks(onClick: (line: number) => void): Extension {
  return [
    field,
    remarkTip,
    EditorView.decorations.compute([field, 'doc'], (state): DecorationSet => {
      const builder = new RangeSetBuilder<Decoration>()
      for (const { line, severity } of mergeMarks(state.field(field), state.doc.lines)) {
        const at = state.doc.line(line).from
        builder.add(at, at, Decoration.line({ class: `cm-mark-${severity}`, attributes: { 'data-finding': severity } }))
      }
      return builder.finish()
    }),
    EditorView.domEventHandlers({
      click: (event, view) => {
        const { target } = event
        if (!(target instanceof HTMLElement)) return false
        const line = target.closest<HTMLElement>('[data-finding]')
        if (line !== null) onClick(view.state.doc.lineAt(view.posAtDOM(line)).number)
        return false
      },
    }),
    EditorView.theme({
      '.cm-mark-error': { backgroundColor: 'var(--bad-tint)', boxShadow: 'inset 3px 0 var(--bad)', cursor: 'pointer' },
      '.cm-mark-warning': { backgroundColor: 'var(--warn-tint)', boxShadow: 'inset 3px 0 var(--warn)', cursor: 'pointer' },
      '.cm-mark-note': { boxShadow: 'inset 3px 0 var(--control)', cursor: 'pointer' },
      // Syntax colours would be too faint on the tint.
      '.cm-mark-error *, .cm-mark-warning *': { color: 'var(--text) !important' },
    }),
  ]
}
