import { useState } from 'react'
import { parse, stringify } from 'yaml'
import { t } from '@/lib/i18n'
import { CodeEditor } from '@/ui/code-editor'
import type { ControlProps } from './option-field'

function toText(value: unknown): string {
  return value === undefined ? '' : stringify(value).trimEnd()
}

/** Any value as YAML; for what has no form, or another form than the catalogue expects. */
export function YamlControl({ label, value, onChange, readOnly }: Omit<ControlProps, 'spec' | 'path'>) {
  const [typed, setTyped] = useState<{ text: string; value: unknown } | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  // What was typed counts only as long as it still stands for the value; an undo replaces it.
  const text = typed !== null && (typed.value === value || problem !== null) ? typed.text : toText(value)
  const change = (next: string) => {
    try {
      const parsed: unknown = next.trim() === '' ? undefined : parse(next)
      setProblem(null)
      setTyped({ text: next, value: parsed })
      onChange(parsed)
    } catch (error) {
      setTyped({ text: next, value })
      setProblem(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
    }
  }
  return (
    <>
      <CodeEditor label={t('{label} as YAML', { label })} language="yaml" value={text} readOnly={readOnly} minLines={1} onChange={change} />
      {problem !== null && <p className="mt-1 text-sm text-bad">{problem}</p>}
    </>
  )
}
