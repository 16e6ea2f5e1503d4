import { useState } from 'react'
import { t } from '@/lib/i18n'
import { Checkbox } from '@/ui/checkbox'
import { SearchField, TextField } from '@/ui/field'
import { NAME_PATTERN } from '@/features/editor/graph/settings'
import type { Candidate } from './own-parameters'
import { nameFor } from './own-parameters'

/** The names of the chosen values, by their keys. */
export type Names = ReadonlyMap<string, string>

/** Why a name cannot be used, or undefined. */
export function nameRefusal(name: string, key: string, names: Names, taken: Record<string, unknown>): string | undefined {
  if (!NAME_PATTERN.test(name)) return t('Letters, digits, _ and -, not beginning with a digit.')
  const isTwice = name in taken || [...names].some(([other, each]) => other !== key && each === name)
  return isTwice ? t('Another parameter has this name.') : undefined
}

type ParameterChoiceProps = { candidates: Candidate[]; names: Names; taken: Record<string, unknown>; onChange: (names: Names) => void }

/** Which values whoever uses the template chooses, and what these are called. */
export function ParameterChoice({ candidates, names, taken, onChange }: ParameterChoiceProps) {
  const [query, setQuery] = useState('')
  const wanted = query.trim().toLowerCase()
  const shown = candidates.filter((each) => wanted === '' || `${each.component} ${each.title} ${each.value}`.toLowerCase().includes(wanted))
  const set = (key: string, name: string | null) => {
    const next = new Map(names)
    if (name === null) next.delete(key)
    else next.set(key, name)
    onChange(next)
  }
  const toggle = (candidate: Candidate, isChosen: boolean) =>
    set(candidate.key, isChosen ? nameFor(candidate, { ...taken, ...Object.fromEntries([...names.values()].map((name) => [name, true])) }) : null)
  return (
    <section aria-label={t('Parameters')} className="flex min-w-0 flex-col gap-2">
      <h3 className="font-medium">{t('Parameters')}</h3>
      <p className="text-sm text-secondary">{t('What you choose here is asked for when a pipeline is made of the template. The values of now are what the form begins with.')}</p>
      <SearchField label={t('Search values')} value={query} onChange={setQuery} />
      <ul className="max-h-72 overflow-auto" tabIndex={0} aria-label={t('Values of the pipeline')}>
        {shown.map((each) => {
          const name = names.get(each.key)
          return (
            <li key={each.key} className="border-t py-1 first:border-t-0">
              <Checkbox label={`${each.component} · ${each.title}: ${String(each.value)}`} isSelected={name !== undefined} onChange={(is) => toggle(each, is)} />
              {name !== undefined && (
                <div className="pb-1 pl-6">
                  <TextField label={t('Name of {what}', { what: `${each.component} · ${each.title}` })} hideLabel mono value={name} onChange={(next) => set(each.key, next)} error={nameRefusal(name, each.key, names, taken)} />
                </div>
              )}
            </li>
          )
        })}
        {shown.length === 0 && <li className="text-secondary">{t('No value says this.')}</li>}
      </ul>
    </section>
  )
}
