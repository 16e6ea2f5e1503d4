import type { StringStream } from '@codemirror/language'
import { LanguageSupport, StreamLanguage } from '@codemirror/language'

const KEYWORDS = new Set(['if', 'else', 'for', 'while', 'loop', 'abort', 'return', 'break', 'continue', 'as', 'type'])
const ATOMS = new Set(['true', 'false', 'null'])

function prefixed(stream: StringStream): string | null {
  const match = stream.match(/^[rst]'(?:[^'\\]|\\.)*'/) as RegExpMatchArray | null
  if (match === null) return null
  return match[0].startsWith('r') ? 'regexp' : 'string'
}

function word(stream: StringStream): string | null {
  if (stream.match(/^[A-Za-z_][A-Za-z0-9_]*!?(?=\()/)) return 'variableName.function'
  const match = stream.match(/^[A-Za-z_][A-Za-z0-9_]*/) as RegExpMatchArray | null
  if (match === null) return null
  if (KEYWORDS.has(match[0])) return 'keyword'
  return ATOMS.has(match[0]) ? 'atom' : 'variableName'
}

/** Colours for VRL; the server's compiler is what decides about correctness. */
const language = StreamLanguage.define<{ depth: number }>({
  name: 'vrl',
  startState: () => ({ depth: 0 }),
  token(stream) {
    if (stream.eatSpace()) return null
    if (stream.match(/^#.*/)) return 'comment'
    const literal = prefixed(stream)
    if (literal !== null) return literal
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return 'string'
    if (stream.match(/^[.%](?:@?[A-Za-z_][A-Za-z0-9_@]*(?:\.[A-Za-z_@][A-Za-z0-9_@]*)*)?/)) return 'propertyName'
    if (stream.match(/^\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?/)) return 'number'
    const found = word(stream)
    if (found !== null) return found
    if (stream.match(/^(?:\?\?=?|\|\|?|&&|[=!<>]=?|[-+*/])/)) return 'operator'
    stream.next()
    return null
  },
  languageData: { commentTokens: { line: '#' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
})

/** VRL for CodeMirror. */
export function vrl(): LanguageSupport {
  return new LanguageSupport(language)
}
