import { useState } from 'react'
import type { Parameter } from '@/api/gen'
import { SecretControl } from '@/features/forms/secret-control'
import { secretName, secretReference } from '@/features/forms/values'
import { t } from '@/lib/i18n'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { Switch } from '@/ui/switch'
import { isNeeded, lines } from './values'

type FieldProps = { parameter: Parameter; value: unknown; error: string | undefined; onChange: (value: unknown) => void }

/** The control of one parameter, by its type. */
export function ParameterField(props: FieldProps) {
  const { parameter, value, error, onChange } = props
  const label = isNeeded(parameter) ? t('{title} (needed)', { title: parameter.title }) : parameter.title
  const help = parameter.help === '' ? undefined : parameter.help
  switch (parameter.type) {
    case 'boolean':
      return (
        <Described help={help} error={error}>
          <Switch label={label} isSelected={value === true} onChange={onChange} />
        </Described>
      )
    case 'choice':
      return (
        <Described help={help} error={error}>
          <Select label={label} value={typeof value === 'string' ? value : null} choices={(parameter.choices ?? []).map((id) => ({ id, label: id }))} onChange={onChange} />
        </Described>
      )
    case 'secret':
      return <SecretField {...props} label={label} />
    case 'texts':
    case 'fields':
      return <ListField {...props} label={label} />
    case 'number':
      return <NumberField {...props} label={label} />
    default:
      return <TextField label={label} mono hint={help} error={error} value={typeof value === 'string' ? value : ''} onChange={onChange} autoComplete="off" />
  }
}

function Described({ help, error, children }: { help: string | undefined; error: string | undefined; children: React.ReactNode }) {
  return (
    <div className="flex flex-col gap-1">
      {children}
      {help !== undefined && <p className="text-sm text-secondary">{help}</p>}
      {error !== undefined && <p className="text-sm text-bad">{error}</p>}
    </div>
  )
}

type LabelledProps = FieldProps & { label: string }

function ListField({ parameter, value, error, onChange, label }: LabelledProps) {
  const [text, setText] = useState(() => (Array.isArray(value) ? value.join('\n') : ''))
  const change = (next: string) => {
    setText(next)
    onChange(lines(next))
  }
  const hint = [parameter.help, t('One on each line.')].filter((part) => part !== undefined && part !== '').join(' ')
  return <TextField label={label} mono rows={Math.min(8, Math.max(2, text.split('\n').length))} hint={hint} error={error} value={text} onChange={change} />
}

function NumberField({ parameter, value, error, onChange, label }: LabelledProps) {
  const [text, setText] = useState(() => (typeof value === 'number' ? String(value) : ''))
  const change = (next: string) => {
    setText(next)
    onChange(next.trim() === '' ? '' : Number(next))
  }
  return <TextField label={label} type="number" mono hint={parameter.help} error={error} value={text} onChange={change} />
}

function SecretField({ parameter, value, error, onChange, label }: LabelledProps) {
  const name = typeof value === 'string' && value !== '' ? value : null
  return (
    <Described help={parameter.help} error={error}>
      <span className="text-sm font-medium">{label}</span>
      <SecretControl
        label={label}
        spec={{ type: 'string', sensitive: true }}
        path={[parameter.name]}
        readOnly={false}
        value={name === null ? undefined : secretReference(name)}
        onChange={(reference) => onChange(secretName(reference) ?? '')}
      />
    </Described>
  )
}
