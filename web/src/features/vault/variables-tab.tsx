import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { KeptVariable, PlaceGiven } from '@/api/gen'
import { createVariable, deleteVariable, getVariable, listVariables, updateVariable } from '@/api/gen'
import { listVariablesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { WaitingPlaces } from '@/features/secrets/waiting-places'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { pageAt, usePages } from '@/lib/use-pages'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import { Switch } from '@/ui/switch'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { DeleteNamed, KindList, Name, UsedBy } from './parts'

const TYPES = ['string', 'number', 'boolean', 'duration', 'bytes', 'list'] as const
type Type = KeptVariable['type']

/** What a typed text means for a variable of this type; what does not fit is left to the server's word. */
export function typedValue(type: Type, text: string): string | number | boolean | string[] {
  if (type === 'number' && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  if (type === 'list') {
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
  }
  return text
}

function shownValue(variable: KeptVariable): string {
  if (variable.sensitive) return '••••••••'
  return Array.isArray(variable.value) ? variable.value.join(', ') : String(variable.value)
}

export function VariablesTab() {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const now = useNow(10_000)
  const list = usePages<KeptVariable>({
    queryKey: [...listVariablesQueryKey({ path }), 'pages'],
    fetchPage: async (cursor, signal) => (await listVariables({ path, query: pageAt(cursor), signal, throwOnError: true })).data,
  })
  const mayWrite = can('variable.write')
  const rows = list.isSuccess ? list.items : undefined
  const one = async (id: string) => (await getVariable({ path: { ...path, id }, throwOnError: true })).data
  const editing = useRowDialog('variable', rows, { one, may: mayWrite })
  const removing = useRowQuestion('delete', rows, { one })
  const remove = (variable: KeptVariable) => deleteVariable({ path: { ...path, id: variable.id }, headers: { 'If-Match': variable.etag }, throwOnError: true })
  const columns: Column<KeptVariable>[] = [
    { key: 'name', title: t('Name'), render: (row) => <Name note={row.description}>{row.name}</Name> },
    { key: 'type', title: t('Type'), wideOnly: true, render: (row) => (row.sensitive ? t('sensitive') : row.type) },
    { key: 'value', title: t('Value'), render: (row) => <span title={row.sensitive ? undefined : shownValue(row)} className="block max-w-64 truncate font-mono text-sm max-sm:max-w-[46vw]">{shownValue(row)}</span> },
    { key: 'used', title: t('Used by'), wideOnly: true, render: (row) => <UsedBy uses={row.used_by} /> },
    { key: 'updated', title: t('Changed'), wideOnly: true, render: (row) => <span className="text-secondary">{t('{age} by {name}', { age: formatAge(row.updated_at, now), name: row.updated_by })}</span> },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) =>
        mayWrite && (
          <span className="inline-flex gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
            <Button onPress={() => editing.open(row)}>{t('Change…')}</Button>
            <Button variant="danger" onPress={() => removing.open(row)}>
              {t('Delete…')}
            </Button>
          </span>
        ),
    },
  ]
  return (
    <>
      <KindList
        list={list}
        emptyTitle={t('No variables yet')}
        about={t('Values that differ between environments. A pipeline writes VAR[name]; a change takes effect with its next revision, a sensitive one at once.')}
        newLabel={mayWrite ? t('New variable') : null}
        onNew={() => editing.open(null)}
      >
        <Table label={t('Variables')} columns={columns} rows={list.items} rowKey={(row) => row.id} />
      </KindList>
      <DeleteNamed asked={removing} remove={remove} listKey={listVariablesQueryKey({ path }).slice(0, 1)} />
      {editing.isOpen && <VariableDialog variable={editing.row} onClose={editing.close} />}
    </>
  )
}

function VariableDialog({ variable, onClose }: { variable: KeptVariable | null; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(variable?.name ?? '')
  const [type, setType] = useState<Type>(variable?.type ?? 'string')
  const [sensitive, setSensitive] = useState(variable?.sensitive ?? false)
  const [description, setDescription] = useState(variable?.description ?? '')
  const [text, setText] = useState(() =>
    variable === null || variable.sensitive ? '' : Array.isArray(variable.value) ? variable.value.join('\n') : String(variable.value),
  )
  const [places, setPlaces] = useState<PlaceGiven[]>([])
  const save = useMutation({
    mutationFn: async () => {
      const value = typedValue(type, text)
      if (variable === null) await createVariable({ path, body: { name, type, value, sensitive, description }, throwOnError: true })
      else await updateVariable({ path: { ...path, id: variable.id }, headers: { 'If-Match': variable.etag }, body: { value, description, places }, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listVariablesQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  const hints: Record<Type, string> = {
    string: t('Text, whole or inside of other text.'),
    number: t('A number.'),
    boolean: t('true or false.'),
    duration: t('A number with a unit, such as 30s or 5m; it becomes seconds.'),
    bytes: t('A number with a unit, such as 256MiB; it becomes bytes.'),
    list: t('Texts, one on each line.'),
  }
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name === '' || text === '' || save.isPending} onPress={() => save.mutate()}>
        {variable === null ? t('Create variable') : t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={variable === null ? t('New variable') : t('Change {name}', { name: variable.name })} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        {variable === null && (
          <>
            <TextField label={t('Name')} mono autoFocus autoComplete="off" value={name} onChange={setName} hint={t('Pipelines write VAR[{name}].', { name: name === '' ? 'name' : name })} />
            <Select label={t('Type')} value={type} choices={TYPES.map((each) => ({ id: each, label: each }))} onChange={(next) => setType(TYPES.find((each) => each === next) ?? 'string')} />
            {type === 'string' && <Switch label={t('Sensitive: sealed like a secret, never shown again')} isSelected={sensitive} onChange={setSensitive} />}
          </>
        )}
        <TextField label={t('Value')} mono {...(type === 'list' ? { rows: 5 } : {})} type={sensitive ? 'password' : 'text'} autoComplete="off" value={text} onChange={setText} hint={hints[type]} />
        <TextField label={t('Description')} value={description} onChange={setDescription} maxLength={500} />
        {variable?.sensitive === true && <WaitingPlaces secret={`var.${variable.name}`} chosen={places} onChange={setPlaces} />}
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
