import { t } from '@/lib/i18n'
import { TextField } from '@/ui/field'
import { Section } from '@/ui/page'
import { Select } from '@/ui/select'
import type { Choice, Entry, Proposal } from './plan'

type ProposalsProps = {
  proposals: Proposal[]
  bad: Set<string>
  known: ReadonlySet<string>
  canSeal: boolean
  onChange: (key: string, change: Partial<Proposal>) => void
}

/** Values that should not stand in a pipeline: where each is, how its secret is called, and what becomes of it. */
export function Proposals({ proposals, bad, known, canSeal, onChange }: ProposalsProps) {
  if (proposals.length === 0) return null
  const choices = (kind: Proposal['kind']): { id: Choice; label: string }[] => [
    ...(kind === 'secret' && canSeal ? [{ id: 'move' as const, label: t('Move into the vault') }] : []),
    { id: 'refer', label: kind === 'secret' ? t('Refer only, value comes later') : t('Make it a variable') },
    { id: 'keep', label: t('Leave as it is') },
  ]
  return (
    <Section title={t('Secrets and variables')}>
      <p className="mb-2 text-secondary">{t('Values that are moved go straight into the vault and are left out of the pipeline. Nobody can read them there again.')}</p>
      <ul className="flex flex-col">
        {proposals.map((each) => (
          <li key={each.key} className="grid items-start gap-2 border-t py-2 first:border-t-0 md:grid-cols-[minmax(0,1fr)_14rem_15rem]">
            <div className="min-w-0 md:pt-6">
              <span className="font-mono text-sm [overflow-wrap:anywhere]">{each.place}</span>
              {each.choice === 'keep' && each.kind === 'secret' && <p className="text-sm text-warn">{t('The value stays readable for everybody who may see the pipeline.')}</p>}
            </div>
            {each.kind === 'secret' ? (
              <TextField
                label={t('Secret')}
                mono
                isDisabled={each.choice === 'keep'}
                value={each.name}
                onChange={(name) => onChange(each.key, { name })}
                hint={known.has(each.name) && each.choice !== 'keep' ? t('It is there already and keeps its value.') : undefined}
                error={bad.has(each.key) ? t('Letters, digits, _ and -, and one name for one value.') : undefined}
              />
            ) : (
              <TextField label={t('Variable')} mono isDisabled value={each.name} onChange={() => undefined} />
            )}
            <Select label={t('What becomes of it')} value={each.choice} choices={choices(each.kind)} onChange={(choice) => onChange(each.key, { choice: choice as Choice })} />
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** Secrets that another backend held: their values may be entered here, or later in the vault. */
export function Entries({ entries, known, onChange }: { entries: Entry[]; known: ReadonlySet<string>; onChange: (name: string, value: string) => void }) {
  const open = entries.filter(({ name }) => !known.has(name))
  if (open.length === 0) return null
  return (
    <Section title={t('Secrets from elsewhere')}>
      <p className="mb-2 text-secondary">{t('The configuration refers to them in a store of its own. Enter the values now, or later in the vault.')}</p>
      <div className="grid gap-3 sm:grid-cols-2">
        {open.map(({ name, value }) => (
          <TextField key={name} label={name} type="password" autoComplete="new-password" value={value} onChange={(next) => onChange(name, next)} />
        ))}
      </div>
    </Section>
  )
}
