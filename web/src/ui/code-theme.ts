import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import type { Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { tags } from '@lezer/highlight'

/** The nonce that the server put into this page, for the style sheets that editors add. */
export function cspNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
}

const look = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'transparent', fontSize: '12px' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '-2px', borderRadius: '6px' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', fontVariantLigatures: 'none', lineHeight: '18px', overflow: 'auto' },
  '.cm-content': { padding: '5px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 8px' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'transparent', border: 'none', color: 'var(--secondary)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection':
    { backgroundColor: 'var(--selected)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--selected)', color: 'inherit' },
  // Syntax colours would be too faint on the tint.
  '.cm-changedText *, .cm-deletedText *': { color: 'var(--text) !important' },
  '.cm-collapsedLines': { background: 'var(--sunken)', color: 'var(--secondary)', fontFamily: 'var(--font-sans)' },
  // The sign that the library writes is in none of our typefaces.
  '.cm-collapsedLines:before, .cm-collapsedLines:after': { content: '"⋯"' },
  '&.cm-merge-a .cm-changedLine, .cm-deletedChunk': { backgroundColor: 'var(--bad-tint)' },
  '&.cm-merge-b .cm-changedLine, .cm-insertedLine': { backgroundColor: 'var(--good-tint)' },
  '&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText': {
    background: 'color-mix(in oklch, var(--bad) 28%, transparent)',
  },
  '.cm-tooltip': {
    background: 'var(--raised)',
    border: '1px solid var(--line)',
    borderRadius: '8px',
    boxShadow: 'var(--shadow-raised)',
    fontFamily: 'var(--font-sans)',
    color: 'var(--text)',
    overflow: 'hidden',
  },
  '.cm-help, .cm-remarks, .cm-completionInfo': { maxWidth: '380px', padding: '6px 10px', lineHeight: '17px', whiteSpace: 'pre-wrap' },
  '.cm-help span, .cm-completionInfo': { color: 'var(--secondary)' },
  '.cm-help code': { display: 'block', marginTop: '4px', overflowWrap: 'anywhere' },
  '.cm-remark': { display: 'flex', gap: '8px', alignItems: 'baseline', padding: '2px 0 2px 8px', borderLeft: '2px solid var(--control)' },
  '.cm-remark-error': { borderLeftColor: 'var(--bad)' },
  '.cm-remark-warning': { borderLeftColor: 'var(--warn)' },
  '.cm-remark span': { flex: '1' },
  '.cm-remark button': { whiteSpace: 'nowrap', cursor: 'pointer', border: '1px solid var(--control)', borderRadius: '6px', padding: '1px 8px', fontWeight: '500' },
  '.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono) !important', fontSize: '12px', maxHeight: '16em !important' },
  '.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px !important', lineHeight: '18px !important' },
  '.cm-tooltip-autocomplete > ul > li[aria-selected]': { background: 'var(--selected) !important', color: 'var(--text) !important' },
  '.cm-completionDetail': { color: 'var(--secondary)', fontFamily: 'var(--font-sans)', fontStyle: 'normal', marginLeft: '8px' },
  '.cm-completionMatchedText': { textDecoration: 'none', color: 'var(--focus)', fontWeight: '600' },
  '&.cm-merge-b .cm-changedText': { background: 'color-mix(in oklch, var(--good) 28%, transparent)' },
})

const colours = HighlightStyle.define([
  { tag: [tags.comment, tags.meta], color: 'var(--secondary)', fontStyle: 'italic' },
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword], color: 'var(--sink)' },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--warn)' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--transform)' },
  { tag: [tags.function(tags.variableName)], color: 'var(--source)' },
  { tag: tags.invalid, color: 'var(--bad)' },
])

/** The look of every editor, from the tokens, so that it follows the theme. */
export const codeTheme: Extension = [look, syntaxHighlighting(colours)]
