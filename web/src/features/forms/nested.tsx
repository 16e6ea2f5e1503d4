import { Plus, X } from 'lucide-react'
import { useState } from 'react'
import { Input } from 'react-aria-components'
import type { OptionSpec } from '@/api/gen'
import { t } from '@/lib/i18n'
import { Button, IconButton } from '@/ui/button'
import { INPUT_CLASS } from '@/ui/field'
import { Select } from '@/ui/select'
import type { ControlProps } from './option-field'
import { PlaceFindings, ValueControl } from './option-field'
import { OptionsForm } from './options-form'
import { blank, isRecord, renameMember, titleOf, variantOf, withMember } from './values'

const ANY: OptionSpec = { type: 'any' }

function AddButton({ label, onPress }: { label: string; onPress: () => void }) {
  return (
    <Button variant="quiet" className="self-start" onPress={onPress}>
      <Plus aria-hidden size={14} />
      {label}
    </Button>
  )
}

/** A list: of texts, numbers, choices or whole sets of options. */
export function ListControl({ label, spec, value, onChange, path, readOnly }: ControlProps) {
  const items: unknown[] = Array.isArray(value) ? value : []
  const itemSpec = spec.items ?? ANY
  const replace = (index: number, item: unknown) => onChange(items.map((each, at) => (at === index ? (item ?? blank(itemSpec)) : each)))
  const remove = (index: number) => {
    const left = items.filter((_, at) => at !== index)
    onChange(left.length === 0 && spec.required !== true ? undefined : left)
  }
  const taken = (index: number) =>
    !readOnly && (
      <IconButton label={t('Remove item {n}', { n: index + 1 })} onPress={() => remove(index)}>
        <X aria-hidden size={14} />
      </IconButton>
    )
  // Where one ends and the next begins would else not be seen.
  const isWhole = itemSpec.type === 'object' || itemSpec.type === 'union'
  return (
    <div className="flex flex-col gap-1.5">
      {items.map((item, index) => (
        // Items have no identity of their own; their place is all there is.
        <div key={index} className={isWhole ? 'flex flex-col gap-1 border-t border-line pt-2 first:border-t-0 first:pt-0' : 'flex items-start gap-1'}>
          {isWhole && (
            <div className="flex items-center justify-between">
              <span className="text-sm font-medium text-secondary tabular-nums">{t('Item {n}', { n: index + 1 })}</span>
              {taken(index)}
            </div>
          )}
          <div className="min-w-0 flex-1">
            <ValueControl
              label={t('{label}, item {n}', { label, n: index + 1 })}
              // An empty text in a list is a text, not an absence.
              spec={{ ...itemSpec, required: true }}
              value={item}
              path={[...path, index]}
              readOnly={readOnly}
              onChange={(next) => replace(index, next)}
            />
            <PlaceFindings path={[...path, index]} spec={itemSpec} value={item} />
          </div>
          {!isWhole && taken(index)}
        </div>
      ))}
      {!readOnly && <AddButton label={t('Add item')} onPress={() => onChange([...items, blank(itemSpec)])} />}
    </div>
  )
}

/** Names and values, as headers or the routes of a `route`. */
export function MapControl({ label, spec, value, onChange, path, readOnly }: ControlProps) {
  const record = isRecord(value) ? value : {}
  const valueSpec = spec.values ?? ANY
  const add = () => {
    let name = 'name'
    for (let number = 2; name in record; number += 1) name = `name_${number}`
    onChange({ ...record, [name]: blank(valueSpec) })
  }
  const drop = (key: string) => {
    const left = withMember(record, key, undefined)
    onChange(Object.keys(left).length === 0 && spec.required !== true ? undefined : left)
  }
  return (
    <div className="flex flex-col gap-2">
      {Object.entries(record).map(([key, member], index) => (
        // By place, so that typing a new name keeps the cursor where it is.
        <div key={index} className="flex flex-col gap-1">
          <div className="flex items-center gap-1">
            <KeyInput label={t('{label}, name {n}', { label, n: index + 1 })} name={key} taken={Object.keys(record)} readOnly={readOnly} onRename={(to) => onChange(renameMember(record, key, to))} />
            {!readOnly && (
              <IconButton label={t('Remove {label}', { label: key })} onPress={() => drop(key)}>
                <X aria-hidden size={14} />
              </IconButton>
            )}
          </div>
          <ValueControl
            label={t('{label}, value of {name}', { label, name: key })}
            spec={{ ...valueSpec, required: true }}
            value={member}
            path={[...path, key]}
            readOnly={readOnly}
            onChange={(next) => onChange({ ...record, [key]: next ?? blank(valueSpec) })}
          />
          <PlaceFindings path={[...path, key]} spec={valueSpec} value={member} />
        </div>
      ))}
      {!readOnly && <AddButton label={t('Add entry')} onPress={add} />}
    </div>
  )
}

type KeyInputProps = { label: string; name: string; taken: string[]; readOnly: boolean; onRename: (to: string) => void }

function KeyInput({ label, name, taken, readOnly, onRename }: KeyInputProps) {
  const [typed, setTyped] = useState<string | null>(null)
  const text = typed ?? name
  const isBad = text === '' || (text !== name && taken.includes(text))
  const commit = () => {
    if (!isBad && text !== name) onRename(text)
    setTyped(null)
  }
  return (
    <Input
      aria-label={label}
      aria-invalid={isBad}
      spellCheck={false}
      readOnly={readOnly}
      className={`${INPUT_CLASS} h-7 font-mono text-sm font-medium ${isBad ? 'border-bad!' : ''}`}
      value={text}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  )
}

/** A set of options within an option. */
export function ObjectControl({ spec, value, onChange, path, readOnly }: ControlProps) {
  const record = isRecord(value) ? value : {}
  const [open, setOpen] = useState(value !== undefined || spec.required === true)
  if (!open && value === undefined) {
    return readOnly ? null : <AddButton label={t('Set up')} onPress={() => setOpen(true)} />
  }
  return <OptionsForm specs={spec.options ?? {}} value={record} path={path} onChange={onChange} folded={Object.keys(spec.options ?? {}).length > 6} />
}

/** A value that may have one of several forms. */
export function UnionControl(props: ControlProps) {
  const { label, spec, value, onChange, readOnly } = props
  const variants = spec.any_of ?? []
  const [chosen, setChosen] = useState<number | null>(null)
  const index = chosen ?? variantOf(spec, value)
  const variant = variants[index] ?? ANY
  const choices = variants.map((each, at) => ({ id: String(at), label: titleOf(each.title ?? each.type, each) }))
  const choose = (id: string) => {
    const next = variants[Number(id)]
    setChosen(Number(id))
    if (next !== undefined) onChange(blank(next))
  }
  return (
    <div className="flex flex-col gap-2">
      {variants.length > 1 && (
        <Select label={t('Form of {label}', { label })} hideLabel value={String(index)} choices={choices} onChange={choose} isDisabled={readOnly} />
      )}
      <ValueControl {...props} spec={variant} />
    </div>
  )
}
