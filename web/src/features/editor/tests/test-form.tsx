import { Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { UnitTestResult } from '@/api/gen'
import { t } from '@/lib/i18n'
import { Button, IconButton } from '@/ui/button'
import { CodeEditor } from '@/ui/code-editor'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { useEditor, useEditorState } from '../context'
import type { TestInput, TestOutput, UnitTest } from './shape'
import { conditionText, entries, exits, failuresAt, failuresOfAll, fieldsOf, replaced, without } from './shape'

type FormProps = { test: UnitTest; result: UnitTestResult | undefined; onChange: (test: UnitTest) => void; onRemove: () => void }

/** One test: what goes in, and what has to come out. */
export function TestForm({ test, result, onChange, onRemove }: FormProps) {
  const { specs, canEdit } = useEditor()
  const document = useEditorState((state) => state.draft.document)
  const [inputs, outputs] = [test.inputs ?? [], test.outputs ?? []]
  const [ins, outs] = [entries(document), exits(document, specs)]
  const first = ins[0] ?? ''
  return (
    <div className="flex flex-col gap-3 px-1 pt-1 pb-3">
      <TextField label={t('Name')} value={test.name} isDisabled={!canEdit} onChange={(name) => onChange({ ...test, name })} />
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-1 text-sm font-medium">{t('Events that go in')}</legend>
        {inputs.map((input, at) => (
          <InputFields
            key={at}
            input={input}
            places={ins}
            onChange={(next) => onChange({ ...test, inputs: replaced(inputs, at, next) })}
            onRemove={inputs.length > 1 ? () => onChange({ ...test, inputs: without(inputs, at) }) : null}
          />
        ))}
        {canEdit && <AddButton label={t('Another event')} onPress={() => onChange({ ...test, inputs: [...inputs, { insert_at: inputs.at(-1)?.insert_at ?? first, type: 'log', log_fields: { message: 'an event' } }] })} />}
      </fieldset>
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-1 text-sm font-medium">{t('What has to come out')}</legend>
        {outputs.map((output, at) => (
          <OutputFields
            key={at}
            output={output}
            number={at}
            places={outs}
            result={result}
            onChange={(next) => onChange({ ...test, outputs: replaced(outputs, at, next) })}
            onRemove={() => onChange({ ...test, outputs: without(outputs, at) })}
          />
        ))}
        {canEdit && <AddButton label={t('Another output')} onPress={() => onChange({ ...test, outputs: [...outputs, { extract_from: outs[0] ?? first, conditions: [{ type: 'vrl', source: 'true' }] }] })} />}
      </fieldset>
      <NothingFrom test={test} places={outs} onChange={onChange} />
      {failuresOfAll(result).map((each, index) => (
        <p key={index} role="status" className="text-sm text-bad [overflow-wrap:anywhere] whitespace-pre-wrap">{each.message}</p>
      ))}
      <CameOut result={result} />
      {canEdit && (
        <Button variant="danger" className="self-start" onPress={onRemove}>
          <Trash2 aria-hidden size={13} />
          {t('Remove this test')}
        </Button>
      )}
    </div>
  )
}

function AddButton({ label, onPress }: { label: string; onPress: () => void }) {
  return (
    <Button variant="quiet" className="self-start" onPress={onPress}>
      <Plus aria-hidden size={13} />
      {label}
    </Button>
  )
}

type PlacedProps = { places: string[] }

function choicesOf(places: string[], current: string): { id: string; label: string }[] {
  return [...new Set([...places, ...(current === '' ? [] : [current])])].map((id) => ({ id, label: id }))
}

type InputProps = PlacedProps & { input: TestInput; onChange: (input: TestInput) => void; onRemove: (() => void) | null }

const KINDS = ['log', 'raw', 'vrl'] as const

function withKind(input: TestInput, type: string): TestInput {
  const { log_fields: fields, value, source, ...rest } = input
  if (type === 'log') return { ...rest, type, log_fields: fields ?? { message: value ?? 'an event' } }
  if (type === 'raw') return { ...rest, type, value: value ?? (typeof fields?.message === 'string' ? fields.message : 'a line') }
  return { ...rest, type, source: source ?? '.message = "an event"' }
}

function InputFields({ input, places, onChange, onRemove }: InputProps) {
  const { canEdit } = useEditor()
  const type = input.type ?? 'raw'
  const words = { log: t('Fields'), raw: t('A line'), vrl: t('Made by VRL') }
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex items-end gap-2">
        <Select className="min-w-0 flex-1" mono label={t('Into')} isDisabled={!canEdit} value={input.insert_at} choices={choicesOf(places, input.insert_at)} onChange={(at) => onChange({ ...input, insert_at: at })} />
        <Select className="w-32" label={t('As')} isDisabled={!canEdit} value={type} choices={KINDS.map((id) => ({ id, label: words[id] }))} onChange={(kind) => onChange(withKind(input, kind))} />
        {canEdit && onRemove !== null && (
          <IconButton label={t('Remove this event')} onPress={onRemove}>
            <Trash2 aria-hidden size={14} />
          </IconButton>
        )}
      </div>
      {type === 'log' && <FieldsEditor fields={input.log_fields ?? {}} onChange={(fields) => onChange({ ...input, log_fields: fields })} />}
      {type === 'raw' && <CodeEditor label={t('The line')} language="text" readOnly={!canEdit} value={input.value ?? ''} onChange={(value) => onChange({ ...input, value })} />}
      {type === 'vrl' && <CodeEditor label={t('The program that makes the event')} language="vrl" readOnly={!canEdit} value={input.source ?? ''} onChange={(source) => onChange({ ...input, source })} />}
    </div>
  )
}

/** An event as JSON; what is no object yet stays here until it is one. */
function FieldsEditor({ fields, onChange }: { fields: Record<string, unknown>; onChange: (fields: Record<string, unknown>) => void }) {
  const { canEdit } = useEditor()
  const [text, setText] = useState(() => JSON.stringify(fields, null, 2))
  // Somebody else changed it, as by undo: their text takes the place of ours.
  const shown = fieldsOf(text)
  const isOurs = shown === null || JSON.stringify(shown) === JSON.stringify(fields)
  const change = (next: string) => {
    setText(next)
    const read = fieldsOf(next)
    if (read !== null) onChange(read)
  }
  return (
    <>
      <CodeEditor label={t('The event’s fields')} language="text" readOnly={!canEdit} minLines={3} value={isOurs ? text : JSON.stringify(fields, null, 2)} onChange={change} />
      {shown === null && <p className="text-sm text-bad">{t('This is no JSON object yet.')}</p>}
    </>
  )
}

type OutputProps = PlacedProps & { output: TestOutput; number: number; result: UnitTestResult | undefined; onChange: (output: TestOutput) => void; onRemove: () => void }

function OutputFields({ output, number, places, result, onChange, onRemove }: OutputProps) {
  const { canEdit } = useEditor()
  const conditions = output.conditions ?? []
  const from = typeof output.extract_from === 'string' ? output.extract_from : ''
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex items-end gap-2">
        <Select className="min-w-0 flex-1" mono label={t('Out of')} isDisabled={!canEdit} value={from} choices={choicesOf(places, from)} onChange={(next) => onChange({ ...output, extract_from: next })} />
        {canEdit && (
          <IconButton label={t('Remove this output')} onPress={onRemove}>
            <Trash2 aria-hidden size={14} />
          </IconButton>
        )}
      </div>
      <Failures failures={failuresAt(result, number, null)} />
      {conditions.map((condition, at) => {
        const failures = failuresAt(result, number, at)
        return (
          <div key={at} className="flex flex-col gap-1">
            <div className={`flex items-start gap-1 rounded-md ${failures.length > 0 ? 'outline-1 outline-bad' : ''}`}>
              <div className="min-w-0 flex-1">
                <CodeEditor
                  label={t('Condition {n}', { n: at + 1 })}
                  language="vrl"
                  readOnly={!canEdit}
                  value={conditionText(condition)}
                  onChange={(source) => onChange({ ...output, conditions: replaced(conditions, at, typeof condition === 'string' ? source : { ...condition, source }) })}
                />
              </div>
              {canEdit && (
                <IconButton label={t('Remove condition {n}', { n: at + 1 })} onPress={() => onChange({ ...output, conditions: without(conditions, at) })}>
                  <Trash2 aria-hidden size={14} />
                </IconButton>
              )}
            </div>
            <Failures failures={failures} />
          </div>
        )
      })}
      {canEdit && <AddButton label={t('Another condition')} onPress={() => onChange({ ...output, conditions: [...conditions, { type: 'vrl', source: 'true' }] })} />}
    </div>
  )
}

function Failures({ failures }: { failures: { message: string }[] }) {
  return failures.map((each, index) => (
    <p key={index} className="text-sm text-bad [overflow-wrap:anywhere]">{each.message}</p>
  ))
}

/** Outputs from which nothing may come. */
function NothingFrom({ test, places, onChange }: PlacedProps & { test: UnitTest; onChange: (test: UnitTest) => void }) {
  const { canEdit } = useEditor()
  const none = test.no_outputs_from ?? []
  const free = places.filter((each) => !none.includes(each))
  if (none.length === 0 && (!canEdit || free.length === 0)) return null
  return (
    <div className="flex flex-wrap items-end gap-2">
      {canEdit && free.length > 0 && (
        <Select className="min-w-40" mono label={t('Nothing may come out of')} value={null} placeholder={t('Choose…')} choices={free.map((id) => ({ id, label: id }))} onChange={(id) => onChange({ ...test, no_outputs_from: [...none, id] })} />
      )}
      {none.map((each, at) => (
        <Button key={each} isDisabled={!canEdit} onPress={() => onChange({ ...test, no_outputs_from: without(none, at) })} aria-label={t('Let something come out of {place} again', { place: each })}>
          <span className="font-mono text-sm">{each}</span>
          <Trash2 aria-hidden size={13} />
        </Button>
      ))}
    </div>
  )
}

/** The events that came out, where the test looks. */
function CameOut({ result }: { result: UnitTestResult | undefined }) {
  const found = result?.extracted ?? []
  if (found.length === 0) return null
  return (
    <details className="text-sm">
      <summary className="cursor-pointer text-secondary">{t('What came out')}</summary>
      {found.map((each) => (
        <div key={each.source} className="mt-1">
          <p className="font-mono">{t('{source}: {n, plural, one {# event} other {# events}}', { source: each.source, n: each.count })}</p>
          {each.events.length > 0 && (
            <pre tabIndex={0} className="max-h-60 overflow-auto rounded-md bg-sunken p-2 font-mono">{each.events.map((event) => JSON.stringify(event, null, 2)).join('\n')}</pre>
          )}
        </div>
      ))}
    </details>
  )
}
