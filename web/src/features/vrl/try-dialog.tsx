import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import type { ProgramResult } from '@/api/gen'
import { runProgram } from '@/api/gen'
import { useScope } from '@/app/scope'
import { FromCapture } from '@/features/taps/from-capture'
import { t } from '@/lib/i18n'
import { safeLine } from '@/lib/lines'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { CodeEditor } from '@/ui/code-editor'
import { Dialog } from '@/ui/dialog'
import { MessageText } from '@/ui/message-text'
import { InlineError } from '@/ui/states'
import { EventChange } from './event-change'
import type { Event } from './fields'
import { pathsOf } from './fields'
import type { ProgramKind } from './diagnostics'
import { useDiagnostics } from './diagnostics'
import { useVrlAssist } from './program-control'
import { useSamples } from './samples'

const PAUSE_MS = 150
const MOST_EVENTS = 100

type TryDialogProps = { title: string; kind: ProgramKind; program: string; onChange: (program: string) => void; onClose: () => void }

/** A condition says of each event whether it holds. */
function runnable(program: string, kind: ProgramKind): string {
  return kind === 'program' ? program : `holds = if {\n${program}\n} { true } else { false }\n. = { "holds": holds }`
}

/** Runs the program on the events shortly after either changed. */
function useRun(program: string, kind: ProgramKind, events: Event[]) {
  const { org, env } = useScope()
  const key = JSON.stringify([program, events])
  const [settled, setSettled] = useState(key)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(key), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [key])
  const run = useQuery({
    queryKey: ['run', org, env, kind, settled],
    enabled: program.trim() !== '' && events.length > 0,
    queryFn: async ({ signal }) => {
      const [text, sample] = JSON.parse(settled) as [string, Event[]]
      const body = { program: runnable(text, kind), events: sample.slice(0, MOST_EVENTS) }
      return { events: sample, ...(await runProgram({ path: { org, env }, body, signal, throwOnError: true })).data }
    },
    placeholderData: keepPreviousData,
    retry: false,
    gcTime: 0,
  })
  return { ...run, isBehind: key !== settled || run.isFetching }
}

/** A program with events beside it, and field by field what it makes of each. */
export function TryDialog({ title, kind, program, onChange, onClose }: TryDialogProps) {
  const [samples, setSamples] = useSamples()
  const paths = useMemo(() => pathsOf(samples.events), [samples.events])
  const assist = useVrlAssist(paths)
  const diagnostics = useDiagnostics(program, kind, true)
  const marks = useMemo(() => diagnostics.map(({ line, message, severity }) => ({ line, message, severity })), [diagnostics])
  const run = useRun(program, kind, samples.events)
  return (
    <Dialog title={t('Try: {title}', { title })} isOpen onClose={onClose} width="full" footer={<Button variant="primary" onPress={onClose}>{t('Done')}</Button>}>
      <div className="grid gap-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-3">
          <section className="flex flex-col gap-1">
            <h3 className="text-sm font-medium">{kind === 'program' ? t('Program') : t('Condition')}</h3>
            <CodeEditor label={title} language="vrl" value={program} minLines={kind === 'program' ? 12 : 3} marks={marks} extensions={assist} onChange={onChange} />
            {diagnostics.map(({ line, message, severity }, index) => (
              <p key={index} className={`text-sm [overflow-wrap:anywhere] ${severity === 'error' ? 'text-bad' : 'text-secondary'}`}>
                {t('Line {line}: {message}', { line, message })}
              </p>
            ))}
          </section>
          <section className="flex flex-col gap-1">
            <h3 className="text-sm font-medium">{t('Events')}</h3>
            <CodeEditor label={t('Events')} language="text" value={samples.text} minLines={5} onChange={setSamples} />
            <FromCapture onEvents={(events) => setSamples(`${events.map(safeLine).join('\n')}\n`)} />
            <p className={`text-sm ${samples.problem === null ? 'text-secondary' : 'text-bad'}`}>
              {samples.problem === null
                ? t('One JSON object on each line, a list of them, or plain lines as messages. They stay in this tab.')
                : t('Line {line} is no JSON object.', { line: samples.problem })}
            </p>
          </section>
        </div>
        <section aria-label={t('Results')} aria-busy={run.isBehind} className={`flex min-w-0 flex-col gap-3 ${run.isBehind ? 'opacity-60' : ''}`}>
          {run.error !== null && <InlineError error={run.error} />}
          {samples.events.length > MOST_EVENTS && <p className="text-sm text-warn">{t('Only the first {n} events are tried.', { n: MOST_EVENTS })}</p>}
          {(run.data?.results ?? []).map((result, index) => (
            <Result key={index} number={index + 1} before={run.data?.events[index] ?? {}} result={result} kind={kind} />
          ))}
          {run.data !== undefined && run.data.results.length === 0 && <p className="text-secondary">{t('The program does not compile yet, so nothing was run.')}</p>}
        </section>
      </div>
    </Dialog>
  )
}

function badge(result: ProgramResult, kind: ProgramKind) {
  if (result.outcome === 'error') return <StateBadge tone="bad" label={t('Error')} />
  if (result.outcome === 'abort') return <StateBadge tone="warn" label={t('Dropped')} />
  if (kind === 'program') return <StateBadge tone="good" label={result.events.length === 1 ? t('Passed on') : t('{n} events', { n: result.events.length })} />
  const [made] = result.events as { holds?: unknown }[]
  return made?.holds === true ? <StateBadge tone="good" label={t('Holds')} /> : <StateBadge tone="unknown" label={t('Does not hold')} />
}

type ResultProps = { number: number; before: Event; result: ProgramResult; kind: ProgramKind }

function Result({ number, before, result, kind }: ResultProps) {
  return (
    <article className="border-t pt-2 first:border-t-0 first:pt-0">
      <div className="mb-1 flex items-center gap-3">
        <h4 className="text-sm font-medium tabular-nums">{t('Event {n}', { n: number })}</h4>
        {badge(result, kind)}
      </div>
      {result.message !== '' && (
        <p className="mb-1 text-sm text-bad [overflow-wrap:anywhere]">
          <MessageText message={result.message} />
        </p>
      )}
      {kind === 'program' && result.events.map((after, index) => <EventChange key={index} before={before} after={after} />)}
    </article>
  )
}
