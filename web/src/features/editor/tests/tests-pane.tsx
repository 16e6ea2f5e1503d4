import { useMutation } from '@tanstack/react-query'
import { Play, Plus } from 'lucide-react'
import { useState } from 'react'
import type { UnitTestResult } from '@/api/gen'
import { runUnitTests } from '@/api/gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { EmptyState, InlineError } from '@/ui/states'
import { useEditor, useEditorState } from '../context'
import type { UnitTest } from './shape'
import { asTest, entries, newTest, replaced, without } from './shape'
import { TestForm } from './test-form'

type Tests = { edit: (at: number, test: UnitTest) => void; remove: (at: number) => void; add: () => void }

function useTests(): Tests {
  const { store, selected } = useEditor()
  const change = (label: string, edit: (tests: readonly unknown[]) => unknown[], merge?: string) =>
    store.getState().change(label, (draft) => ({ ...draft, document: { ...draft.document, tests: edit(draft.document.tests) } }), merge)
  return {
    edit: (at, test) => change(t('Edit a test'), (tests) => replaced(tests, at, test), `test:${at}`),
    remove: (at) => change(t('Remove a test'), (tests) => without(tests, at)),
    add: () => {
      const { document } = store.getState().draft
      const transforms = entries(document)
      const at = transforms.find((id) => id === selected) ?? transforms[0]
      if (at !== undefined) change(t('Add a test'), (tests) => [...tests, newTest(document, at)])
    },
  }
}

/** Runs all tests of the draft as it is now. */
function useRun() {
  const { org, env } = useScope()
  const { store } = useEditor()
  const run = useMutation({
    mutationFn: async () => {
      const { document } = store.getState().draft
      const { data } = await runUnitTests({ path: { org, env }, body: { document }, throwOnError: true })
      return { ...data, document }
    },
  })
  const document = useEditorState((state) => state.draft.document)
  const isOld = run.data !== undefined && (run.data.document.tests !== document.tests || run.data.document.components !== document.components)
  return { ...run, isOld }
}

/** The unit tests of the pipeline: written, run by the engine, and judged where they fail. */
export function TestsPane() {
  const { canEdit } = useEditor()
  const document = useEditorState((state) => state.draft.document)
  const tests = useTests()
  const run = useRun()
  const [open, setOpen] = useState<number | null>(document.tests.length === 1 ? 0 : null)
  const hasTransform = entries(document).length > 0
  const add = () => {
    tests.add()
    setOpen(document.tests.length)
  }
  if (document.tests.length === 0) {
    return (
      <EmptyState
        title={t('No tests yet')}
        action={
          canEdit && (
            <Button variant="primary" isDisabled={!hasTransform} onPress={add}>
              {t('Write the first test')}
            </Button>
          )
        }
      >
        {hasTransform
          ? t('A test puts events into a transform and says what has to come out. It is stored with the pipeline, in Vector’s own form.')
          : t('Tests are about transforms, and this pipeline has none yet.')}
      </EmptyState>
    )
  }
  return (
    <div className="flex flex-col gap-2 p-3">
      <div className="flex flex-wrap items-center gap-2">
        {canEdit && (
          <>
            <Button variant="primary" isDisabled={run.isPending} onPress={() => run.mutate()}>
              <Play aria-hidden size={13} />
              {run.isPending ? t('Running…') : t('Run tests')}
            </Button>
            <Button isDisabled={!hasTransform} onPress={add}>
              <Plus aria-hidden size={14} />
              {t('Add')}
            </Button>
          </>
        )}
        <Summary results={run.data?.items} isOld={run.isOld} />
      </div>
      {run.error !== null && <InlineError error={run.error} />}
      {run.data?.stopped != null && <p role="alert" className="rounded-md bg-bad-tint px-3 py-2 text-bad">{run.data.stopped}</p>}
      <ul className="flex flex-col">
        {document.tests.map((raw, at) => (
          <TestItem
            key={at}
            raw={raw}
            result={run.data?.items[at]}
            isOld={run.isOld}
            isOpen={open === at}
            onToggle={() => setOpen(open === at ? null : at)}
            onChange={(test) => tests.edit(at, test)}
            onRemove={() => {
              tests.remove(at)
              setOpen(null)
            }}
          />
        ))}
      </ul>
    </div>
  )
}

function Summary({ results, isOld }: { results: UnitTestResult[] | undefined; isOld: boolean }) {
  if (results === undefined || results.length === 0) return null
  const bad = results.filter((each) => each.outcome !== 'passed').length
  return (
    <span role="status" className={`text-sm ${isOld ? 'text-secondary' : bad === 0 ? 'text-good' : 'text-bad'}`}>
      {bad === 0 ? t('{n, plural, one {The test passed.} other {All # tests passed.}}', { n: results.length }) : t('{bad} of {n} failed.', { bad, n: results.length })}
      {isOld && ` ${t('The draft has changed since.')}`}
    </span>
  )
}

const OUTCOMES = { passed: 'good', failed: 'bad', error: 'warn' } as const

type ItemProps = {
  raw: unknown
  result: UnitTestResult | undefined
  isOld: boolean
  isOpen: boolean
  onToggle: () => void
  onChange: (test: UnitTest) => void
  onRemove: () => void
}

function TestItem({ raw, result, isOld, isOpen, onToggle, onChange, onRemove }: ItemProps) {
  const test = asTest(raw)
  const name = test?.name ?? (typeof raw === 'object' && raw !== null && 'name' in raw ? String(raw.name) : t('A test without a name'))
  const words = { passed: t('Passed'), failed: t('Failed'), error: t('Not run') }
  const outcome = result === undefined || !(result.outcome in words) ? null : (result.outcome as keyof typeof words)
  return (
    <li className="border-t py-1 first:border-t-0">
      <button type="button" aria-expanded={isOpen} onClick={onToggle} className="flex w-full cursor-pointer items-center gap-2 rounded-md px-1 py-1 text-left hover:bg-hover">
        <span className="min-w-0 flex-1 [overflow-wrap:anywhere]">{name}</span>
        {outcome !== null && (
          <span className={isOld ? 'opacity-60' : ''}>
            <StateBadge tone={OUTCOMES[outcome]} label={words[outcome]} />
          </span>
        )}
      </button>
      {isOpen && test !== null && <TestForm test={test} result={result} onChange={onChange} onRemove={onRemove} />}
      {isOpen && test === null && (
        <div className="flex flex-col gap-2 p-1">
          <p className="text-secondary">{t('This test has a form that is edited as YAML.')}</p>
          {(result?.failures ?? []).map((each, index) => (
            <p key={index} className="text-sm text-bad [overflow-wrap:anywhere]">{each.message}</p>
          ))}
        </div>
      )}
    </li>
  )
}
