import { useState } from 'react'
import { Input, TextArea } from 'react-aria-components'
import { t } from '@/lib/i18n'
import { CodeEditor } from '@/ui/code-editor'
import { INPUT_CLASS } from '@/ui/field'
import { Select } from '@/ui/select'
import { Switch } from '@/ui/switch'
import type { ControlProps } from './option-field'
import { describeDefault } from './values'

const MONO_INPUT = `${INPUT_CLASS} font-mono text-sm`

/** A line of text, or several once it has a line break. An empty one removes the option. */
export function TextControl({ label, spec, value, onChange, readOnly }: ControlProps) {
  const text = typeof value === 'string' ? value : ''
  const take = (next: string) => onChange(next === '' && spec.required !== true ? undefined : next)
  if (text.includes('\n')) {
    return (
      <TextArea aria-label={label} rows={4} readOnly={readOnly} className={MONO_INPUT} value={text} onChange={(event) => take(event.target.value)} />
    )
  }
  return (
    <Input
      aria-label={label}
      spellCheck={false}
      readOnly={readOnly}
      className={`${MONO_INPUT} h-7`}
      placeholder={describeDefault(spec) ?? ''}
      value={text}
      onChange={(event) => take(event.target.value)}
    />
  )
}

/** A number. What is not one stays in the field with a word about it, and is not taken over. */
export function NumberControl({ label, spec, value, onChange, readOnly }: ControlProps) {
  const [typed, setTyped] = useState<string | null>(null)
  const text = typed ?? (typeof value === 'number' || typeof value === 'string' ? String(value) : '')
  const isVariable = (next: string) => /^VAR\[[A-Za-z0-9_-]+\]$/.test(next)
  const isNumber = (next: string) => next.trim() !== '' && Number.isFinite(Number(next)) && (spec.type !== 'integer' || Number.isInteger(Number(next)))
  const isBad = typed !== null && typed !== '' && !isNumber(typed) && !isVariable(typed)
  const change = (next: string) => {
    setTyped(next)
    if (next === '') onChange(undefined)
    else if (isVariable(next)) onChange(next)
    else if (isNumber(next)) onChange(Number(next))
  }
  return (
    <>
      <Input
        aria-label={label}
        aria-invalid={isBad}
        inputMode="decimal"
        readOnly={readOnly}
        className={`${MONO_INPUT} h-7 tabular-nums ${isBad ? 'border-bad!' : ''}`}
        placeholder={describeDefault(spec) ?? ''}
        value={text}
        onBlur={() => !isBad && setTyped(null)}
        onChange={(event) => change(event.target.value)}
      />
      {isBad && (
        <p className="mt-1 text-sm text-bad">
          {spec.type === 'integer' ? t('A whole number is needed here.') : t('A number is needed here.')}
        </p>
      )}
    </>
  )
}

/** On or off; shows the default while it is not set. */
export function BooleanControl({ label, spec, value, onChange, readOnly }: ControlProps) {
  const isSet = typeof value === 'boolean'
  const effective = isSet ? value : spec.default === true
  return (
    <div className="flex items-center gap-2">
      <Switch label={label} hideLabel isSelected={effective} onChange={onChange} isDisabled={readOnly} />
      <span className="text-sm text-secondary">{isSet ? (effective ? t('on') : t('off')) : effective ? t('on by default') : t('off by default')}</span>
    </div>
  )
}

/** One of a fixed list; a value outside the list is kept and shown. */
export function EnumControl({ label, spec, value, onChange, readOnly }: ControlProps) {
  const known = (spec.enum ?? []).map((each) => String(each))
  const own = typeof value === 'string' && !known.includes(value) ? [value] : []
  const fallback = describeDefault(spec)
  return (
    <Select
      label={label}
      hideLabel
      mono
      isDisabled={readOnly}
      value={typeof value === 'string' ? value : null}
      placeholder={fallback ?? t('Choose…')}
      choices={[...own, ...known].map((each) => ({ id: each, label: each, ...(each === fallback ? { hint: t('default') } : {}) }))}
      onChange={onChange}
    />
  )
}

/** A VRL program or condition. */
export function CodeControl({ label, spec, value, onChange, readOnly }: ControlProps) {
  const text = typeof value === 'string' ? value : ''
  return (
    <CodeEditor
      label={label}
      language="vrl"
      value={text}
      readOnly={readOnly}
      minLines={spec.type === 'vrl' ? 6 : 1}
      onChange={(next) => onChange(next === '' && spec.required !== true ? undefined : next)}
    />
  )
}
