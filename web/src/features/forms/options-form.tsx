import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { Button, Disclosure, DisclosurePanel } from 'react-aria-components'
import type { OptionSpec } from '@/api/gen'
import { t } from '@/lib/i18n'
import { SearchField } from '@/ui/field'
import { Switch } from '@/ui/switch'
import { useFindings } from './context'
import { OptionField } from './option-field'
import type { Options, Path } from './values'
import { holds, withMember, writtenName } from './values'

export type Change<Value> = (value: Value) => void

type OptionsFormProps = {
  specs: Record<string, OptionSpec>
  value: Options
  onChange: Change<Options>
  path: Path
  /** Top level: essentials first, the rest folded and searchable. */
  folded?: boolean
}

const SEARCH_FROM = 12

function isShown(name: string, spec: OptionSpec, props: OptionsFormProps): boolean {
  if (writtenName(name, spec, props.value) in props.value) return true
  if (spec.hidden === true || spec.removed != null || spec.deprecated === true) return false
  return holds(spec.relevant_when, props.value, props.specs)
}

function matches(name: string, spec: OptionSpec, query: string): boolean {
  const words = `${name} ${spec.title ?? ''} ${spec.help ?? ''}`.toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word))
}

/** Programs and what must be given come first; the rest keeps the catalogue's order. */
function rank(spec: OptionSpec): number {
  return spec.required === true || spec.type === 'vrl' || spec.type === 'condition' ? 0 : 1
}

/** The fields of a set of options, made from the catalogue. What the catalogue does not know is kept and shown. */
export function OptionsForm(props: OptionsFormProps) {
  const { specs, value, folded = false } = props
  const shown = Object.entries(specs).filter(([name, spec]) => isShown(name, spec, props))
  const first = shown
    .filter(([, spec]) => !folded || spec.essential === true || spec.required === true)
    .sort(([, a], [, b]) => rank(a) - rank(b))
  const rest = shown.filter(([name]) => !first.some(([other]) => other === name))
  const known = new Set(Object.entries(specs).map(([name, spec]) => writtenName(name, spec, value)))
  const unknown = Object.keys(value).filter((name) => !known.has(name))
  return (
    <div className="flex flex-col gap-4">
      <Fields {...props} names={first.map(([name]) => name)} />
      {unknown.length > 0 && (
        <div className="flex flex-col gap-3">
          {folded && <h3 className="text-sm font-medium text-secondary">{t('Options the catalogue does not know')}</h3>}
          <Fields {...props} names={unknown} />
        </div>
      )}
      {rest.length > 0 && <MoreOptions {...props} names={rest.map(([name]) => name)} />}
    </div>
  )
}

const UNKNOWN: OptionSpec = { type: 'any' }

function Fields({ specs, value, onChange, path, names }: OptionsFormProps & { names: string[] }) {
  return names.map((name) => {
    const spec = specs[name] ?? UNKNOWN
    const written = writtenName(name, spec, value)
    return (
    <OptionField
      key={name}
      name={written}
      spec={spec}
      isRequired={
        specs[name]?.required === true || (specs[name]?.required_when != null && holds(specs[name].required_when, value, specs))
      }
      value={value[written]}
      path={[...path, written]}
      onChange={(member) => onChange(withMember(value, written, member))}
    />
    )
  })
}

function MoreOptions(props: OptionsFormProps & { names: string[] }) {
  const { names, specs, value, path } = props
  const [query, setQuery] = useState('')
  const [changedOnly, setChangedOnly] = useState(false)
  const findings = useFindings(path, true)
  const isSet = (name: string) => writtenName(name, specs[name] ?? UNKNOWN, value) in value
  const changed = names.filter(isSet)
  const hasFinding = names.some((name) => findings.some((each) => each.path?.[path.length] === writtenName(name, specs[name] ?? UNKNOWN, value)))
  const [open, setOpen] = useState(changed.length > 0 || hasFinding)
  const visible = names.filter((name) => {
    const spec = specs[name] ?? UNKNOWN
    return (!changedOnly || isSet(name)) && (query === '' || matches(name, spec, query))
  })
  return (
    <Disclosure isExpanded={open} onExpandedChange={setOpen}>
      <Button slot="trigger" className="group flex cursor-pointer items-center gap-1 rounded-md font-medium text-secondary hover:text-text">
        <ChevronRight aria-hidden size={14} className={open ? 'rotate-90' : ''} />
        {t('{n, plural, one {# more option} other {# more options}}', { n: names.length })}
        {changed.length > 0 && <span className="text-sm">{t('({n} set)', { n: changed.length })}</span>}
      </Button>
      <DisclosurePanel className={open ? 'flex flex-col gap-4 pt-3' : ''}>
        {open && names.length >= SEARCH_FROM && (
          <div className="flex items-center gap-3">
            <SearchField label={t('Search options')} value={query} onChange={setQuery} className="flex-1" />
            <Switch label={t('Only set')} isSelected={changedOnly} onChange={setChangedOnly} />
          </div>
        )}
        {open && <Fields {...props} names={visible} />}
        {open && visible.length === 0 && (
          <p className="text-secondary">{query === '' ? t('None of these options is set.') : t('No option matches {query}.', { query })}</p>
        )}
      </DisclosurePanel>
    </Disclosure>
  )
}
