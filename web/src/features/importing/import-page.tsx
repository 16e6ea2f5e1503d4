import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { Finding } from '@/api/gen'
import { useCan, useScope } from '@/app/scope'
import { ChangeList } from '@/features/deploy/change-list'
import { GraphPreview } from '@/features/pipelines/graph-preview'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { TextField } from '@/ui/field'
import { FindingLine } from '@/ui/finding-line'
import { Page, Section } from '@/ui/page'
import { EmptyState, InlineError } from '@/ui/states'
import { Switch } from '@/ui/switch'
import { notify } from '@/ui/toast'
import { NodeFiles } from './from-node'
import type { Part } from './plan'
import { badNames, leftToTell } from './plan'
import { Entries, Proposals } from './proposals'
import type { Source } from './read-form'
import { ReadForm } from './read-form'
import { ChangedMeanwhile, useImport, useReplacement } from './use-import'

const MOST_SHOWN = 50

/** Brings a Vector configuration in: read, looked at, secrets moved to the vault, and only then stored. */
export function ImportPage() {
  const { org, env } = useScope()
  const can = useCan()
  const { into, node, vector } = useSearch({ from: '/signed-in/$org/$env/import' })
  const navigate = useNavigate()
  const steps = useImport(into)
  const replacement = useReplacement(into, steps.parts.find((each) => each.isWanted))
  const title = into === undefined ? t('Import a Vector configuration') : t('Import again')
  if (!can('pipeline.edit')) {
    return (
      <Page title={title}>
        <EmptyState title={t('You may not change pipelines here')}>{t('Ask somebody of the team that owns this environment.')}</EmptyState>
      </Page>
    )
  }
  const result = steps.read.data
  if (result === undefined) {
    const reading = { isPending: steps.read.isPending, error: steps.read.error, onRead: (source: Source) => steps.read.mutate(source) }
    return (
      <Page title={title} subtitle={t('Nothing is stored until you have seen what comes of it.')}>
        {node === undefined || vector === undefined ? <ReadForm {...reading} /> : <NodeFiles node={node} vector={vector} {...reading} />}
      </Page>
    )
  }
  const wanted = steps.parts.filter((each) => each.isWanted)
  const bad = badNames(steps.parts, steps.proposals)
  const finish = () =>
    steps.store.mutate(replacement.data?.etag, {
      // What changes is read anew, to be looked at before a second try.
      onError: () => void replacement.refetch(),
      onSuccess: (ids) => {
        notify(into === undefined ? t('{n, plural, one {# pipeline} other {# pipelines}} imported.', { n: ids.length }) : t('The draft is replaced.'))
        const [only] = ids
        if (ids.length === 1 && only !== undefined) void navigate({ to: '/$org/$env/pipelines/$pipelineId', params: { org, env, pipelineId: only } })
        else void navigate({ to: '/$org/$env/pipelines', params: { org, env } })
      },
    })
  const names = wanted.map((each) => each.name.trim())
  const isReady = wanted.length > 0 && bad.size === 0 && (into !== undefined ? replacement.data !== undefined && !replacement.isFetching : !names.includes('') && new Set(names).size === names.length)
  const actions = (
    <>
      <Button onPress={steps.startOver}>{t('Start over')}</Button>
      <Button variant="primary" isDisabled={!isReady || steps.store.isPending} onPress={finish}>
        {into !== undefined ? t('Replace the draft') : t('Create {n, plural, one {# pipeline} other {# pipelines}}', { n: wanted.length })}
      </Button>
    </>
  )
  return (
    <Page title={title} subtitle={t('Nothing is stored yet.')} actions={steps.parts.length > 0 ? actions : <Button onPress={steps.startOver}>{t('Start over')}</Button>}>
      {steps.store.error instanceof ChangedMeanwhile ? (
        <p role="alert" className="rounded-md bg-warn-tint px-3 py-2">
          {steps.store.error.message === ''
            ? t('Somebody saved the pipeline while you looked at this. Below stands what would change now; replace the draft once more if that is what you want.')
            : t('{who} saved the pipeline while you looked at this. Below stands what would change now; replace the draft once more if that is what you want.', { who: steps.store.error.message })}
        </p>
      ) : (
        steps.store.error !== null && <InlineError error={steps.store.error} />
      )}
      <Parts parts={steps.parts} isOne={into !== undefined} onChange={steps.setPart} />
      {replacement.data !== undefined && (
        <Section title={t('What changes in {name}', { name: replacement.data.name })}>
          <ChangeList changes={replacement.data.changes} />
        </Section>
      )}
      {replacement.error !== null && <InlineError error={replacement.error} />}
      <Proposals proposals={steps.proposals.filter((each) => steps.parts[each.part]?.isWanted === true)} bad={bad} known={steps.known} canSeal={steps.canSeal} onChange={steps.setProposal} />
      <Entries entries={steps.entries} known={steps.known} onChange={steps.setEntry} />
      <Findings findings={leftToTell(result.findings, steps.proposals)} />
    </Page>
  )
}

type PartsProps = { parts: Part[]; isOne: boolean; onChange: (at: number, change: Partial<Part>) => void }

function Parts({ parts, isOne, onChange }: PartsProps) {
  if (parts.length === 0) return null
  return (
    <Section title={t('{n, plural, one {One pipeline} other {# pipelines that do not hang together}}', { n: parts.length })}>
      <ul className="grid gap-3 lg:grid-cols-2">
        {parts.map((part, at) => (
          <li key={at} className={`flex min-w-0 flex-col gap-2 rounded-lg border bg-surface p-3 ${part.isWanted ? '' : 'opacity-70'}`}>
            <div className="flex items-end gap-3">
              <div className="min-w-0 flex-1">
                <TextField
                  label={t('Name, {n, plural, one {# component} other {# components}}', { n: part.document.components.length })}
                  isDisabled={isOne || !part.isWanted}
                  value={part.name}
                  maxLength={100}
                  onChange={(name) => onChange(at, { name })}
                />
              </div>
              {parts.length > 1 && (
                <div className="pb-1">
                  <Switch label={t('Import {name}', { name: part.name })} words={t('Import')} isSelected={part.isWanted} onChange={(isWanted) => onChange(at, { isWanted })} />
                </div>
              )}
            </div>
            <div className="max-h-72 overflow-auto rounded-md bg-sunken p-2" tabIndex={0} role="group" aria-label={t('Preview of {name}', { name: part.name })}>
              {part.document.components.length <= MOST_SHOWN ? (
                <GraphPreview document={part.document} />
              ) : (
                <p className="text-secondary">{t('{n} components are too many for a picture.', { n: part.document.components.length })}</p>
              )}
            </div>
          </li>
        ))}
      </ul>
    </Section>
  )
}

function Findings({ findings }: { findings: Finding[] }) {
  const [all, setAll] = useState(false)
  if (findings.length === 0) return null
  const shown = all ? findings : findings.slice(0, MOST_SHOWN)
  return (
    <Section title={t('What to know')}>
      {shown.map((finding, index) => (
        <div key={index} className="flex gap-2">
          <span className="w-20 shrink-0 text-sm text-secondary tabular-nums">{finding.line == null ? '' : t('line {line}', { line: finding.line })}</span>
          <FindingLine finding={finding} />
        </div>
      ))}
      {!all && findings.length > MOST_SHOWN && (
        <Button className="mt-2" onPress={() => setAll(true)}>
          {t('Show all {n}', { n: findings.length })}
        </Button>
      )}
    </Section>
  )
}
