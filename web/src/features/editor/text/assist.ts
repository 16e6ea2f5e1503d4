import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { autocompletion, completionKeymap } from '@codemirror/autocomplete'
import type { Extension } from '@codemirror/state'
import type { Tooltip } from '@codemirror/view'
import { EditorView, hoverTooltip, keymap } from '@codemirror/view'
import type { OptionSpec } from '@/api/gen'
import { describeDefault } from '@/features/forms/values'
import { t } from '@/lib/i18n'
import { portLabel } from '../graph/connect'
import { portsOf } from '../graph/ports'
import type { Document, SpecIndex } from '../graph/types'
import { DEFAULT_PORT } from '../graph/types'
import type { Context } from './context'
import { contextAt, kindOf, knownAt } from './context'

const ROOT: [string, () => string][] = [
  ['sources', () => t('Where events come from')],
  ['transforms', () => t('What changes events on their way')],
  ['sinks', () => t('Where events go')],
  ['enrichment_tables', () => t('Tables that programs look things up in')],
  ['tests', () => t('Events with what must become of them')],
]

/** A key with its colon; what holds more keys goes on in the next line. */
function keyOption(name: string, spec: OptionSpec | null, help: string): Completion {
  const nested = spec !== null && (spec.type === 'object' || spec.type === 'map')
  return {
    label: name,
    type: 'property',
    detail: spec === null ? '' : spec.type,
    info: help,
    apply: `${name}:${nested ? '' : ' '}`,
    boost: spec?.required === true ? 2 : spec?.essential === true ? 1 : 0,
  }
}

function helpOf(spec: OptionSpec): string {
  const fallback = describeDefault(spec)
  const facts = [
    spec.required === true ? t('Required.') : '',
    fallback === null ? '' : t('Default: {value}.', { value: fallback }),
    spec.unit == null ? '' : t('In {unit}.', { unit: spec.unit }),
    spec.since == null ? '' : t('Since {version}.', { version: spec.since }),
    spec.deprecated === true ? t('Outdated.') : '',
  ]
  return [spec.help ?? '', ...facts].filter((each) => each !== '').join(' ')
}

function keys(text: string, { path }: Context, specs: SpecIndex): Completion[] {
  if (path.length === 0) return ROOT.map(([name, words]) => keyOption(name, null, words()))
  if (path.length === 1) return []
  const { component, options } = knownAt(text, path, specs)
  const own: Completion[] = path.length === 2 && kindOf(path[0]) !== undefined ? [keyOption('type', null, t('Which component it is')), ...(path[0] === 'sources' ? [] : [keyOption('inputs', null, t('The outputs that feed it'))])] : []
  if (component === undefined || options === null) return own
  const named = Object.entries(options).filter(([, spec]) => spec.removed == null && spec.hidden !== true)
  return [...own, ...named.map(([name, spec]) => keyOption(name, spec, helpOf(spec)))]
}

function outputs(document: Document, specs: SpecIndex, except: string | undefined): Completion[] {
  return document.components
    .filter((each) => each.kind !== 'sink' && each.id !== except)
    .flatMap((each) =>
      portsOf(each, specs.get(each)).map((port): Completion => ({
        label: port.name === DEFAULT_PORT ? each.id : `${each.id}.${port.name}`,
        type: 'variable',
        detail: port.name === DEFAULT_PORT ? each.type : portLabel(port.name),
      })),
    )
}

function values(text: string, { path }: Context, specs: SpecIndex, document: Document): Completion[] {
  const kind = kindOf(path[0])
  if (kind !== undefined && path.length === 3 && path[2] === 'type') {
    return specs.all
      .filter((spec) => spec.kind === kind && spec.removed == null)
      .map((spec): Completion => ({ label: spec.type, type: 'class', detail: spec.title, info: spec.help }))
  }
  if (kind !== undefined && path[2] === 'inputs') return outputs(document, specs, path[1])
  const { option } = knownAt(text, path, specs)
  if (option?.enum != null) return option.enum.map((each): Completion => ({ label: String(each), type: 'enum' }))
  return option?.type === 'boolean' ? ['true', 'false'].map((label): Completion => ({ label, type: 'constant' })) : []
}

/** What may be written at the cursor, from the catalogue and the graph. */
export function completionsAt(text: string, offset: number, specs: SpecIndex, document: Document): { from: number; options: Completion[] } | null {
  const context = contextAt(text, offset)
  if (context === null) return null
  const inputItem = context.path[2] === 'inputs' || context.path.at(-1) === '*'
  const options = context.at === 'value' || (inputItem && context.path[2] === 'inputs') ? values(text, context, specs, document) : keys(text, context, specs)
  return options.length === 0 ? null : { from: context.from, options }
}

function card(title: string, type: string, help: string): HTMLElement {
  const box = globalThis.document.createElement('div')
  box.className = 'cm-help'
  const head = box.appendChild(globalThis.document.createElement('div'))
  head.appendChild(globalThis.document.createElement('b')).textContent = title
  head.appendChild(globalThis.document.createElement('span')).textContent = ` ${type}`
  if (help !== '') box.appendChild(globalThis.document.createElement('div')).textContent = help
  return box
}

function hover(text: string, offset: number, specs: SpecIndex): { title: string; type: string; help: string } | null {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const line = text.slice(start, text.indexOf('\n', offset) < 0 ? undefined : text.indexOf('\n', offset))
  const key = /^\s*(?:- +)*"?([A-Za-z_][\w.-]*)"?\s*:/.exec(line)?.[1]
  if (key === undefined) return null
  const at = start + line.indexOf(key)
  const context = contextAt(text, at)
  if (context === null) return null
  const { component, option } = knownAt(text, [...context.path, key], specs)
  if (component === undefined) return null
  const isType = context.path.length === 2 && (key === 'type' || option === null)
  if (isType || context.path.length === 1) return { title: component.title, type: `${component.kind} · ${component.type}`, help: component.help }
  return option === null ? null : { title: key, type: option.type, help: helpOf(option) }
}

/** Completion and hover for a pipeline's YAML; `document` is asked for when needed. */
export function yamlAssist(specs: SpecIndex, document: () => Document): Extension {
  const source = (context: CompletionContext): CompletionResult | null => {
    const found = completionsAt(context.state.doc.toString(), context.pos, specs, document())
    if (found === null || (!context.explicit && found.from === context.pos)) return null
    return { ...found, validFor: /^[\w.-]*$/ }
  }
  const tip = (view: EditorView, pos: number): Tooltip | null => {
    const found = hover(view.state.doc.toString(), pos, specs)
    return found === null ? null : { pos, above: true, create: () => ({ dom: card(found.title, found.type, found.help) }) }
  }
  return [autocompletion({ override: [source], icons: false }), keymap.of(completionKeymap), hoverTooltip(tip)]
}
