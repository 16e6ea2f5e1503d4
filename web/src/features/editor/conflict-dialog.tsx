import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useMemo, useState } from 'react'
import { stringify } from 'yaml'
import type { Document, Pipeline } from '@/api/gen'
import { checkDocument } from '@/api/gen'
import { useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { LazyDiff } from '@/ui/lazy-diff'
import { InlineError, LoadingState } from '@/ui/states'
import { Switch } from '@/ui/switch'
import type { Part } from './graph/merge'
import { merge } from './graph/merge'
import type { Draft } from './store'
import { draftOf } from './store'

type Side = 'mine' | 'theirs'
type ConflictProps = {
  /** What both sides began at; null where nobody knows any more. */
  base: Draft | null
  mine: Draft
  theirs: Pipeline
  onClose: () => void
  onKeepMine: () => void
  onTakeTheirs: () => void
  onMerge: (merged: Draft) => void
}

/** Somebody saved meanwhile: says who changed what, and lets a person take one side or put both together. */
export function ConflictDialog({ base, mine, theirs, onClose, onKeepMine, onTakeTheirs, onMerge }: ConflictProps) {
  const other = useMemo(() => draftOf(theirs), [theirs])
  const made = useMemo(() => merge(base, mine, other), [base, mine, other])
  const [choices, setChoices] = useState<ReadonlyMap<string, Side>>(new Map())
  const [asText, setAsText] = useState(false)
  const open = made.conflicts.filter((each) => !choices.has(each.key)).length
  const footer = (
    <div className="flex flex-wrap items-center justify-end gap-2">
      {open > 0 && <span className="text-sm text-secondary">{t('{n, plural, one {# choice is} other {# choices are}} left before both can be put together.', { n: open })}</span>}
      <Button onPress={onClose}>{t('Go on editing')}</Button>
      <Button onPress={onTakeTheirs}>{t('Take theirs')}</Button>
      <Button onPress={onKeepMine}>{t('Save mine over it')}</Button>
      <Button variant="primary" isDisabled={open > 0} onPress={() => onMerge(made.result(choices))}>
        {t('Put together and save')}
      </Button>
    </div>
  )
  return (
    <Dialog title={t('Somebody else saved this pipeline')} isOpen onClose={onClose} width="full" footer={footer}>
      <p className="mb-3 text-secondary">
        {t('{who} saved another version on {when}. Nothing of yours is lost: take one side, put both together, or go on editing. Whatever you choose can be undone.', {
          who: theirs.updated_by ?? t('Somebody'),
          when: formatTime(theirs.updated_at),
        })}
      </p>
      <div className="flex flex-col gap-4">
        {base === null && made.conflicts.length > 0 && (
          <p className="text-secondary">{t('The page was loaded anew since, so that nobody knows where both began: every difference is asked about, and what only one side has is kept.')}</p>
        )}
        {made.conflicts.length > 0 && (
          <Group title={t('Changed on both sides')}>
            {made.conflicts.map((part) => (
              <Choice key={part.key} part={part} chosen={choices.get(part.key)} onChoose={(side) => setChoices((before) => new Map(before).set(part.key, side))} />
            ))}
          </Group>
        )}
        <div className="grid gap-4 sm:grid-cols-2">
          <Listed title={t('Only theirs')} parts={made.onlyTheirs} side="theirs" />
          <Listed title={t('Only mine')} parts={made.onlyMine} side="mine" />
        </div>
        {made.conflicts.length + made.onlyTheirs.length + made.onlyMine.length === 0 && (
          <p>{t('Both sides do the same; at most places on the canvas, groups or comments differ. Putting them together keeps yours.')}</p>
        )}
        <Switch label={t('Compare as text')} isSelected={asText} onChange={setAsText} />
        {asText && <Texts mine={mine.document} theirs={theirs} />}
      </div>
    </Dialog>
  )
}

/** What a part is called. */
function title({ kind, label }: Part): string {
  switch (kind) {
    case 'component':
      return t('Component {label}', { label })
    case 'edge':
      return t('Connection {label}', { label: label.replace('._default>', ' → ').replace('>', ' → ') })
    case 'table':
      return t('Table {label}', { label })
    case 'variable':
      return t('Variable {label}', { label })
    case 'setting':
      return t('Setting {label}', { label })
    case 'tests':
      return t('Unit tests')
    case 'selector':
      return t('Where it runs')
    case 'name':
      return t('Name')
    case 'description':
      return t('Description')
  }
}

function Group({ title: heading, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={heading} className="flex min-w-0 flex-col gap-2">
      <h3 className="font-medium">{heading}</h3>
      {children}
    </section>
  )
}

function Choice({ part, chosen, onChoose }: { part: Part; chosen: Side | undefined; onChoose: (side: Side) => void }) {
  const sides: [Side, string][] = [
    ['theirs', t('Theirs')],
    ['mine', t('Mine')],
  ]
  return (
    <fieldset className="min-w-0 border-t pt-2">
      <legend className="sr-only">{title(part)}</legend>
      <div aria-hidden className="mb-1 font-mono text-sm">
        {title(part)}
      </div>
      <div className="grid gap-3 sm:grid-cols-2">
        {sides.map(([side, words]) => (
          <div key={side} className="flex min-w-0 flex-col gap-1">
            <label className="flex min-h-6 cursor-pointer items-center gap-2">
              <input type="radio" name={part.key} checked={chosen === side} onChange={() => onChoose(side)} className="accent-focus" />
              <span>{words}</span>
              {part[side] === undefined && <span className="text-secondary">{t('removed')}</span>}
            </label>
            {part[side] !== undefined && (
              <pre tabIndex={0} className={`max-h-64 overflow-auto whitespace-pre-wrap [overflow-wrap:anywhere] rounded-md bg-sunken p-2 font-mono text-sm ${chosen === side ? 'ring-1 ring-focus' : ''}`}>
                {typeof part[side] === 'string' ? part[side] : stringify(part[side], { lineWidth: 0 })}
              </pre>
            )}
          </div>
        ))}
      </div>
    </fieldset>
  )
}

function Listed({ title: heading, parts, side }: { title: string; parts: Part[]; side: Side }) {
  if (parts.length === 0) return null
  const other: Side = side === 'mine' ? 'theirs' : 'mine'
  const verb = (part: Part) => (part[side] === undefined ? t('removed') : part[other] === undefined ? t('added') : t('changed'))
  return (
    <Group title={heading}>
      <ul>
        {parts.map((part) => (
          <li key={part.key} className="[overflow-wrap:anywhere]">
            <span className="font-mono text-sm">{title(part)}</span> <span className="text-secondary">{verb(part)}</span>
          </li>
        ))}
      </ul>
    </Group>
  )
}

function Texts({ mine, theirs }: { mine: Document; theirs: Pipeline }) {
  const { org, env } = useScope()
  const texts = useQuery({
    queryKey: ['conflict', org, env, theirs.id, theirs.etag, mine],
    queryFn: async () => {
      const compile = async (document: Document) => {
        const { data } = await checkDocument({ path: { org, env }, body: { document }, throwOnError: true })
        // What does not compile is still shown, as it is stored.
        return data.yaml ?? stringify({ ...document, layout: undefined })
      }
      const [before, after] = await Promise.all([compile(theirs.document), compile(mine)])
      return { before, after }
    },
  })
  if (texts.isPending) return <LoadingState rows={4} />
  if (texts.error !== null) return <InlineError error={texts.error} />
  return <LazyDiff before={texts.data.before} after={texts.data.after} beforeLabel={t('Theirs, as saved')} afterLabel={t('Mine, not saved')} />
}
