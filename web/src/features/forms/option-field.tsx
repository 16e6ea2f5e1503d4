import { Braces, RotateCcw, Wrench } from 'lucide-react'
import type { ReactNode } from 'react'
import { useContext, useState } from 'react'
import type { Finding, OptionSpec } from '@/api/gen'
import { t } from '@/lib/i18n'
import { Button, IconButton } from '@/ui/button'
import { FindingLine } from '@/ui/finding-line'
import { FormContext, useFindings } from './context'
import { HeldControl, heldKind, VariablePicker } from './held-control'
import { BooleanControl, CodeControl, EnumControl, NumberControl, TextControl } from './controls'
import { ListControl, MapControl, ObjectControl, UnionControl } from './nested'
import { SecretControl } from './secret-control'
import type { Path } from './values'
import { describeDefault, fits, titleOf } from './values'
import { YamlControl } from './yaml-control'

export type ControlProps = {
  label: string
  spec: OptionSpec
  value: unknown
  onChange: (value: unknown) => void
  path: Path
  readOnly: boolean
}

/** The control for a value by its type; what does not fit is edited as YAML, never lost. */
export function ValueControl(props: ControlProps) {
  const { spec, value } = props
  const { program: Program } = useContext(FormContext)
  if (!fits(spec, value)) return <YamlControl {...props} />
  if (spec.sensitive === true && spec.type === 'string') return <SecretControl {...props} />
  if (spec.type === 'string' && heldKind(props.path) !== null) return <HeldControl {...props} />
  if (spec.type === 'string' && spec.enum != null && spec.enum.length > 0) return <EnumControl {...props} />
  switch (spec.type) {
    case 'boolean':
      return <BooleanControl {...props} />
    case 'integer':
    case 'number':
      return <NumberControl {...props} />
    case 'vrl':
    case 'condition':
      return Program === undefined ? <CodeControl {...props} /> : <Program {...props} />
    case 'string':
      return <TextControl {...props} />
    case 'array':
      return <ListControl {...props} />
    case 'map':
      return <MapControl {...props} />
    case 'object':
      return <ObjectControl {...props} />
    case 'union':
      return <UnionControl {...props} />
    default:
      return <YamlControl {...props} />
  }
}

type OptionFieldProps = Omit<ControlProps, 'label' | 'readOnly'> & { name: string; isRequired: boolean }

/** An option with its title, unit, help, findings and a way back to the default. */
export function OptionField({ name, isRequired, ...props }: OptionFieldProps) {
  const { spec, value, path, onChange } = props
  const { readOnly } = useContext(FormContext)
  const nested = ['object', 'map', 'array', 'union'].includes(spec.type)
  const label = titleOf(name, spec)
  const isSet = value !== undefined
  const [picking, setPicking] = useState(false)
  const mayVary = !readOnly && spec.sensitive !== true && ['string', 'integer', 'number'].includes(spec.type)
  return (
    <div data-option={path.join('.')} className="flex min-w-0 flex-col gap-1">
      <div className="flex min-h-5 items-center gap-1.5">
        <span className="min-w-0 truncate text-sm font-medium" title={name}>
          {label}
        </span>
        {isRequired && <span className="text-sm text-secondary">{t('required')}</span>}
        <span className="flex-1" />
        <FieldNote spec={spec} />
        {mayVary && (
          <IconButton label={t('Use a variable for {label}', { label })} className="h-5! w-5!" onPress={() => setPicking(!picking)}>
            <Braces aria-hidden size={12} />
          </IconButton>
        )}
        {isSet && !readOnly && !isRequired && (
          <IconButton label={t('Remove {label}', { label })} className="h-5! w-5!" onPress={() => onChange(undefined)}>
            <RotateCcw aria-hidden size={12} />
          </IconButton>
        )}
      </div>
      <div className={nested ? 'border-l border-line pl-3' : ''}>
        <ValueControl {...props} label={label} readOnly={readOnly} />
      </div>
      {picking && <VariablePicker label={label} onChange={onChange} />}
      {spec.help != null && spec.help !== '' && <p className="text-sm text-secondary">{spec.help}</p>}
      <PlaceFindings path={path} spec={spec} value={value} />
    </div>
  )
}

/** What the check says about exactly one place of the form. */
export function PlaceFindings({ path, spec, value }: Pick<ControlProps, 'path' | 'spec' | 'value'>) {
  const { program, readOnly } = useContext(FormContext)
  // Where a program is edited, the compiler speaks beside it at once; the check would say the same again.
  const isTold = program !== undefined && !readOnly && (spec.type === 'vrl' || spec.type === 'condition') && fits(spec, value)
  const findings = useFindings(path, false).filter((each) => !(isTold && each.rule.startsWith('vrl.')))
  return findings.map((finding, index) => <FieldFinding key={index} finding={finding} />)
}

/** A finding at its field, with the click that settles it where there is one. */
export function FieldFinding({ finding }: { finding: Finding }) {
  const { fixes } = useContext(FormContext)
  const label = fixes?.offer(finding) ?? null
  return (
    <div className="flex flex-col items-start gap-1">
      <FindingLine finding={finding} />
      {label !== null && (
        <Button className="ml-5" onPress={() => void fixes?.apply(finding)}>
          <Wrench aria-hidden size={13} />
          {label}
        </Button>
      )}
    </div>
  )
}

function FieldNote({ spec }: { spec: OptionSpec }): ReactNode {
  const fallback = describeDefault(spec)
  const parts = [
    spec.unit != null ? spec.unit : null,
    fallback !== null && spec.type !== 'boolean' ? t('default {value}', { value: fallback }) : null,
    spec.deprecated === true ? t('outdated') : null,
    spec.since != null ? t('since {version}', { version: spec.since }) : null,
  ].filter((part) => part !== null)
  if (parts.length === 0) return null
  return <span className="max-w-40 truncate text-sm text-secondary">{parts.join(' · ')}</span>
}
