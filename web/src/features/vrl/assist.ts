import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { autocompletion, completionKeymap, snippetCompletion } from '@codemirror/autocomplete'
import type { Extension } from '@codemirror/state'
import type { EditorView, Tooltip } from '@codemirror/view'
import { hoverTooltip, keymap } from '@codemirror/view'
import type { VrlExample, VrlFunctionHelp } from '@/api/gen'
import { t } from '@/lib/i18n'

const KEYWORDS = ['if', 'else', 'for', 'abort', 'return', 'true', 'false', 'null']

function describe(each: VrlFunctionHelp): string {
  const facts = [
    each.fallible ? t('May fail: write {name}! or handle the error.', { name: each.name }) : '',
    each.compiles_here ? '' : t('Newer than the compiler here: it is judged on the node only.'),
    each.since === null ? '' : t('Since Vector {version}.', { version: each.since }),
    each.deprecated ? t('Outdated.') : '',
  ]
  return [each.summary, ...facts].filter((part) => part !== '').join(' ')
}

const exampleText = ({ program, result }: VrlExample) => `${program} → ${result ?? t('differs each time or by place')}`

function functionOption(each: VrlFunctionHelp): Completion {
  const required = each.arguments.filter((argument) => argument.required !== false)
  const slots = required.map((argument) => `\${${argument.name}}`).join(', ')
  return snippetCompletion(`${each.name}${each.fallible ? '!' : ''}(${slots === '' ? '${}' : slots})`, {
    label: each.name,
    detail: `→ ${each.returns.join('|')}`,
    info: [each.signature, describe(each), ...(each.example === null ? [] : [exampleText(each.example)])].join('\n'),
    type: 'function',
    boost: each.deprecated ? -1 : 0,
  })
}

/** What may be written at a place of a program: fields that were seen after a dot, else functions and words. */
export function completionsFor(before: string, functions: readonly VrlFunctionHelp[], paths: readonly string[]): { length: number; options: Completion[] } | null {
  if (/#[^\n"]*$/.test(before)) return null
  const field = /(?:^|[^\w\])}"'])(\.[\w@.]*)$/.exec(before)?.[1]
  if (field !== undefined) return { length: field.length, options: paths.map((label) => ({ label, type: 'property' })) }
  const word = /(?:^|[^\w.@%])([a-z_][a-z0-9_]*)$/.exec(before)?.[1]
  if (word === undefined) return null
  return { length: word.length, options: [...functions.map(functionOption), ...KEYWORDS.map((label): Completion => ({ label, type: 'keyword' }))] }
}

function signatureCard(each: VrlFunctionHelp): HTMLElement {
  const box = document.createElement('div')
  box.className = 'cm-help'
  box.appendChild(document.createElement('b')).textContent = each.signature
  box.appendChild(document.createElement('span')).textContent = ` → ${each.returns.join('|')}`
  box.appendChild(document.createElement('div')).textContent = describe(each)
  if (each.example !== null) box.appendChild(document.createElement('code')).textContent = exampleText(each.example)
  return box
}

/** Completion and hover for VRL; functions and fields are asked for when needed, so that both may still be on their way. */
export function vrlAssist(functions: () => readonly VrlFunctionHelp[], paths: () => readonly string[]): Extension {
  const source = (context: CompletionContext): CompletionResult | null => {
    const found = completionsFor(context.state.sliceDoc(Math.max(0, context.pos - 200), context.pos), functions(), paths())
    if (found === null) return context.explicit ? { from: context.pos, options: functions().map(functionOption) } : null
    return { from: context.pos - found.length, options: found.options, validFor: /^[\w@.]*$/ }
  }
  const tip = (view: EditorView, pos: number): Tooltip | null => {
    const word = view.state.wordAt(pos)
    if (word === null) return null
    const found = functions().find((each) => each.name === view.state.sliceDoc(word.from, word.to))
    const isCall = /^!?\s*\(/.test(view.state.sliceDoc(word.to, word.to + 4))
    return found === undefined || !isCall ? null : { pos: word.from, end: word.to, above: true, create: () => ({ dom: signatureCard(found) }) }
  }
  return [autocompletion({ override: [source], icons: false }), keymap.of(completionKeymap), hoverTooltip(tip)]
}
