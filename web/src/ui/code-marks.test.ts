// @vitest-environment jsdom
import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { describe, expect, it } from 'vitest'
import { difference } from './code-editor'
import { lineMarks, mergeMarks, remarks, setLineMarks } from './code-marks'

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
  it('shows messages as text, with what settles them', () => {
    let fixed = 0
    const tip = remarks([{ line: 2, severity: 'error', message: '<b>bad</b>', fix: { label: 'Mend', run: () => (fixed += 1) } }])
    expect(tip.textContent).toBe('<b>bad</b>Mend')
    tip.querySelector('button')?.click()
    expect(fixed).toBe(1)
  })
  it('reports a click, and goes away', () => {
    const clicked: number[] = []
    const view = new EditorView({ state: EditorState.create({ doc: 'a\nb\nc', extensions: [lineMarks((line) => clicked.push(line))] }) })
    view.dispatch({ effects: setLineMarks.of([{ line: 2, severity: 'error', message: 'bad' }]) })
    const line = view.dom.querySelector<HTMLElement>('[data-finding]')
    expect(line?.textContent).toBe('b')
    line?.click()
    expect(clicked).toEqual([2])
    view.dispatch({ effects: setLineMarks.of([]) })
    expect(view.dom.querySelector('[data-finding]')).toBeNull()
    view.destroy()
  })
})

describe('the difference of two texts', () => {
  it.each([
    ['abc', 'abc', null],
    ['abc', 'axc', { from: 1, to: 2, insert: 'x' }],
    ['aaa', 'aa', { from: 2, to: 3, insert: '' }],
    ['aa', 'aaa', { from: 2, to: 2, insert: 'a' }],
    ['', 'x', { from: 0, to: 0, insert: 'x' }],
    ['xy', '', { from: 0, to: 2, insert: '' }],
  ])('%j to %j', (before, after, expected) => {
    expect(difference(before, after)).toEqual(expected)
  })
})
