import { useQuery } from '@tanstack/react-query'
import { FlaskConical } from 'lucide-react'
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react'
import type { VrlFunctionHelp } from '@/api/gen'
import { listVrlFunctionsOptions } from '@/api/gen/@tanstack/react-query.gen'
import type { ControlProps } from '@/features/forms/option-field'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import type { CodeHandle } from '@/ui/code-editor'
import { CodeEditor } from '@/ui/code-editor'
import { vrlAssist } from './assist'
import type { ProgramKind } from './diagnostics'
import { useDiagnostics } from './diagnostics'
import { Diagnostics } from './diagnostics-list'
import { pathsOf } from './fields'
import { SnippetButton } from './snippet-button'
import { useSamples } from './samples'

// Few programs are tried on events, and the dialog brings the comparison with it.
const TryDialog = lazy(async () => ({ default: (await import('./try-dialog')).TryDialog }))

const NONE: readonly VrlFunctionHelp[] = []

/** What the assistance looks at; it changes under an editor that stays. */
class Sources {
  private known: { functions: readonly VrlFunctionHelp[]; paths: readonly string[] } = { functions: NONE, paths: [] }
  readonly functions = () => this.known.functions
  readonly paths = () => this.known.paths

  update(functions: readonly VrlFunctionHelp[], paths: readonly string[]): void {
    this.known = { functions, paths }
  }
}

/** Completion and hover over the functions of VRL and the fields of this pipeline's samples. */
export function useVrlAssist(paths: readonly string[]) {
  const functions = useQuery({ ...listVrlFunctionsOptions(), staleTime: Infinity }).data?.items
  const [sources] = useState(() => new Sources())
  useEffect(() => sources.update(functions ?? NONE, paths), [sources, functions, paths])
  const [extension] = useState(() => vrlAssist(sources.functions, sources.paths))
  return extension
}

/** A program or a condition, compiled as it is typed, with a place to try it on events. */
export function ProgramControl({ label, spec, value, onChange, readOnly }: ControlProps) {
  const text = typeof value === 'string' ? value : ''
  const kind: ProgramKind = spec.type === 'condition' ? 'condition' : 'program'
  const [samples] = useSamples()
  const paths = useMemo(() => pathsOf(samples.events), [samples.events])
  const assist = useVrlAssist(paths)
  const diagnostics = useDiagnostics(text, kind, !readOnly)
  const editor = useRef<CodeHandle>(null)
  const [isTrying, setTrying] = useState(false)
  const marks = useMemo(() => diagnostics.map(({ line, message, severity }) => ({ line, message, severity })), [diagnostics])
  const take = (next: string) => onChange(next === '' && spec.required !== true ? undefined : next)
  return (
    <div className="flex flex-col gap-1.5">
      <CodeEditor handle={editor} label={label} language="vrl" value={text} readOnly={readOnly} minLines={kind === 'program' ? 6 : 1} marks={marks} extensions={assist} onChange={take} />
      <Diagnostics all={diagnostics} />
      {!readOnly && (
        <div className="flex flex-wrap gap-1.5">
          <Button onPress={() => setTrying(true)}>
            <FlaskConical aria-hidden size={14} />
            {t('Try on events…')}
          </Button>
          <SnippetButton editor={editor} program={text} />
        </div>
      )}
      {isTrying && (
        <Suspense>
          <TryDialog title={label} kind={kind} program={text} onChange={take} onClose={() => setTrying(false)} />
        </Suspense>
      )}
    </div>
  )
}
