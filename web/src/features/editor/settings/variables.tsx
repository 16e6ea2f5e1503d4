import { Plus, X } from 'lucide-react'
import type { RefObject } from 'react'
import { useRef, useState } from 'react'
import { t } from '@/lib/i18n'
import { Button, IconButton } from '@/ui/button'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { Switch } from '@/ui/switch'
import { useEditor, useEditorState } from '../context'
import type { Variable } from '../graph/settings'
import { NAME_PATTERN, typedValue, variableUses, withType } from '../graph/settings'
import type { Document } from '../graph/types'

function types() {
  return [
    { id: 'string', label: t('Text') },
    { id: 'number', label: t('Number') },
    { id: 'boolean', label: t('Yes or no') },
  ]
}

/** The variables of the pipeline itself, with their values. */
export function Variables() {
  const { canEdit } = useEditor()
  const graph = useEditorState((state) => state.draft.document)
  const change = useEditorState((state) => state.change)
  const set = (label: string, variables: Document['variables'], merge?: string) =>
    change(label, (draft) => ({ ...draft, document: { ...draft.document, variables } }), merge)
  const put = (name: string, variable: Variable) => set(t('Change variable {name}', { name }), { ...graph.variables, [name]: variable }, `variable:${name}`)
  const adding = useRef<HTMLFormElement>(null)
  const remove = (name: string) => {
    set(t('Remove variable {name}', { name }), Object.fromEntries(Object.entries(graph.variables).filter(([each]) => each !== name)))
    // What had the focus is gone with the variable.
    adding.current?.querySelector('input')?.focus()
  }
  return (
    <>
      {Object.entries(graph.variables).map(([name, variable]) => (
        <div key={name} role="group" aria-label={t('Variable {name}', { name })} className="flex flex-col gap-1.5 border-l pl-3">
          <div className="flex items-center gap-2">
            <code className="min-w-0 truncate text-sm font-medium">{name}</code>
            <span className="flex-1 text-sm text-secondary">{t('{n, plural, =0 {not used} one {used once} other {used # times}}', { n: variableUses(graph, name) })}</span>
            {canEdit && (
              <IconButton label={t('Remove variable {name}', { name })} onPress={() => remove(name)}>
                <X aria-hidden size={14} />
              </IconButton>
            )}
          </div>
          <div className="flex items-start gap-2">
            <Select label={t('Type of {name}', { name })} hideLabel className="w-28 shrink-0" isDisabled={!canEdit} value={variable.type} choices={types()} onChange={(type) => put(name, withType(variable, type as Variable['type']))} />
            <div className="min-w-0 flex-1">
              <ValueField name={name} variable={variable} onChange={(value) => put(name, { ...variable, value })} />
            </div>
          </div>
        </div>
      ))}
      {canEdit && <AddVariable form={adding} taken={graph.variables} onAdd={(name) => set(t('Add variable {name}', { name }), { ...graph.variables, [name]: { type: 'string', value: '' } })} />}
    </>
  )
}

function ValueField({ name, variable, onChange }: { name: string; variable: Variable; onChange: (value: Variable['value']) => void }) {
  const { canEdit } = useEditor()
  const [typed, setTyped] = useState<string | null>(null)
  if (variable.type === 'boolean') return <Switch label={variable.value === true ? t('yes') : t('no')} isDisabled={!canEdit} isSelected={variable.value === true} onChange={onChange} />
  const text = typed ?? String(variable.value)
  const isBad = typedValue(variable.type, text) === null
  const type = (next: string) => {
    const value = typedValue(variable.type, next)
    // What is no number yet is kept here until it is one.
    setTyped(value === null ? next : null)
    if (value !== null) onChange(value)
  }
  return (
    <div onBlur={() => setTyped(null)}>
      <TextField label={t('Value of {name}', { name })} hideLabel mono isDisabled={!canEdit} value={text} onChange={type} error={isBad ? t('This is no number.') : undefined} />
    </div>
  )
}

function AddVariable({ form, taken, onAdd }: { form: RefObject<HTMLFormElement | null>; taken: Document['variables']; onAdd: (name: string) => void }) {
  const [name, setName] = useState('')
  const refusal = name === '' ? undefined : !NAME_PATTERN.test(name) ? t('Letters, digits, _ and -, not beginning with a digit.') : name in taken ? t('Another variable has this name.') : undefined
  return (
    <form
      ref={form}
      className="flex items-start gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (name === '' || refusal !== undefined) return
        onAdd(name)
        setName('')
      }}
    >
      <div className="min-w-0 flex-1">
        <TextField label={t('Name of a new variable')} hideLabel mono placeholder={t('name')} value={name} onChange={setName} error={refusal} />
      </div>
      <Button type="submit" isDisabled={name === '' || refusal !== undefined}>
        <Plus aria-hidden size={14} />
        {t('Add variable')}
      </Button>
    </form>
  )
}
