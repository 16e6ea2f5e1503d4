import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { describe, expect, it } from 'vitest'
import { lineMarks, mergeMarks, setLineMarks } from './code-marks'

describe('marks on lines', () => {
  it('keeps one mark per line, the worst, with all messages, in order', () => {
    const merged = mergeMarks(
      [
        { line: 3, severity: 'note', message: 'n' },
        { line: 3, severity: 'error', message: 'e' },
        { line: 1, severity: 'warning', message: 'w' },
        { line: 9, severity: 'error', message: 'beyond the text' },
        { line: 0, severity: 'error', message: 'before it' },
      ],
      3,
    )
    expect(merged).toEqual([
      { line: 1, severity: 'warning', message: 'w' },
      { line: 3, severity: 'error', message: 'n\ne' },
    ])
  })
  it('shows messages as text, reports a click, and goes away', () => {
    const clicked: number[] = []
    const view = new EditorView({ state: EditorState.create({ doc: 'a\nb\nc', extensions: [lineMarks((line) => clicked.push(line))] }) })
    view.dispatch({ effects: setLineMarks.of([{ line: 2, severity: 'error', message: '<b>bad</b>' }]) })
    const line = view.dom.querySelector<HTMLElement>('[data-finding]')
    expect(line?.title).toBe('<b>bad</b>')
    expect(line?.textContent).toBe('b')
    line?.click()
    expect(clicked).toEqual([2])
    view.dispatch({ effects: setLineMarks.of([]) })
    expect(view.dom.querySelector('[data-finding]')).toBeNull()
    view.destroy()
  })
})
