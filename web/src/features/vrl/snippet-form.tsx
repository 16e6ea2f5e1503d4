import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { KeyboardEvent } from 'react'
import { useMemo, useState } from 'react'
import type { Snippet } from '@/api/gen'
import { createSnippet, updateSnippet } from '@/api/gen'
import { listSnippetsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { ApiError } from '@/lib/problem'
import { Button } from '@/ui/button'
import { CodeEditor } from '@/ui/code-editor'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import { useDiagnostics } from './diagnostics'
import { Diagnostics } from './diagnostics-list'

type FormProps = {
  /** The snippet that is changed; without one a new one is kept. */
  snippet?: Snippet
  /** The program of a new one. */
  program?: string
  onDone: () => void
}

/** Keeps a program as a snippet, or changes one that is kept. */
export function SnippetForm({ snippet, program: first = '', onDone }: FormProps) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(snippet?.title ?? '')
  const [summary, setSummary] = useState(snippet?.summary ?? '')
  const [program, setProgram] = useState(snippet?.program ?? first)
  const refresh = () => queryClient.invalidateQueries({ queryKey: listSnippetsQueryKey({ path }) })
  const keep = useMutation({
    mutationFn: async () => {
      const body = { name: name.trim(), summary, program }
      if (snippet === undefined) await createSnippet({ path, body, throwOnError: true })
      else await updateSnippet({ path: { ...path, id: snippet.id }, headers: { 'If-Match': snippet.etag ?? '' }, body, throwOnError: true })
    },
    onSuccess: async () => {
      await refresh()
      onDone()
    },
  })
  // Escape ends the form and not the whole dialog; in the program it lets Tab leave the editor.
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return
    event.stopPropagation()
    if ((event.target as HTMLElement).closest('.cm-editor') === null) onDone()
  }
  const isOutdated = keep.error instanceof ApiError && keep.error.status === 412
  return (
    <section
      aria-label={snippet === undefined ? t('Keep a snippet') : t('Change {name}', { name: snippet.title })}
      className="flex min-w-0 flex-1 flex-col gap-2 rounded-md border p-3"
      onKeyDown={onKeyDown}
    >
      <TextField label={t('Name')} value={name} onChange={setName} maxLength={100} autoFocus />
      <TextField label={t('What it does')} value={summary} onChange={setSummary} maxLength={500} />
      {snippet !== undefined && <ProgramField value={program} onChange={setProgram} />}
      {keep.error !== null && !isOutdated && <InlineError error={keep.error} />}
      {isOutdated && (
        <p role="alert" className="text-bad">
          {t('Somebody else changed this snippet meanwhile. What you wrote is still here: copy it, close this, and look at theirs.')}
        </p>
      )}
      <div className="flex gap-2">
        <Button variant="primary" isDisabled={name.trim() === '' || program.trim() === '' || keep.isPending || isOutdated} onPress={() => keep.mutate()}>
          {snippet === undefined ? t('Keep') : t('Save')}
        </Button>
        <Button
          onPress={() => {
            if (isOutdated) void refresh()
            onDone()
          }}
        >
          {isOutdated ? t('Close') : t('Cancel')}
        </Button>
      </div>
    </section>
  )
}

/** The program of a snippet, compiled as it is typed. */
function ProgramField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const diagnostics = useDiagnostics(value, 'program', true)
  const marks = useMemo(() => diagnostics.map(({ line, message, severity }) => ({ line, message, severity })), [diagnostics])
  return (
    <div className="flex flex-col gap-1">
      <span aria-hidden className="text-sm font-medium">
        {t('Program')}
      </span>
      <CodeEditor label={t('Program of the snippet')} language="vrl" value={value} minLines={4} marks={marks} onChange={onChange} />
      <Diagnostics all={diagnostics} />
    </div>
  )
}
