import { Plus, X } from 'lucide-react'
import { useRef, useState } from 'react'
import type { OptionSpec } from '@/api/gen'
import { OptionField } from '@/features/forms/option-field'
import { OptionsForm } from '@/features/forms/options-form'
import type { Options } from '@/features/forms/values'
import { isRecord, renameMember, withMember } from '@/features/forms/values'
import { t } from '@/lib/i18n'
import { Button, IconButton } from '@/ui/button'
import { TextField } from '@/ui/field'
import { Menu } from '@/ui/menu'
import { useEditor, useEditorState } from '../context'
import type { TableType } from '../graph/settings'
import { freeName, NAME_PATTERN, newTable } from '../graph/settings'

const UNKNOWN: OptionSpec = { type: 'any' }

function types(): { id: TableType; label: string; hint: string }[] {
  return [
    { id: 'file', label: t('CSV file'), hint: 'file' },
    { id: 'geoip', label: t('GeoIP database'), hint: 'geoip' },
    { id: 'mmdb', label: t('Other MaxMind database'), hint: 'mmdb' },
    { id: 'memory', label: t('Kept in memory'), hint: 'memory' },
  ]
}

/** The tables that programs look things up in. */
export function Tables() {
  const { specs, canEdit } = useEditor()
  const tables = useEditorState((state) => state.draft.document.enrichment_tables)
  const change = useEditorState((state) => state.change)
  const spec = specs.root.enrichment_tables?.values ?? UNKNOWN
  const set = (label: string, next: Options, merge?: string) =>
    change(label, (draft) => ({ ...draft, document: { ...draft.document, enrichment_tables: next } }), merge)
  const put = (name: string, value: unknown) => set(t('Change table {name}', { name }), { ...tables, [name]: value ?? {} }, `table:${name}`)
  const adding = useRef<HTMLDivElement>(null)
  const remove = (name: string) => {
    set(t('Remove table {name}', { name }), withMember(tables, name, undefined))
    // What had the focus is gone with the table.
    adding.current?.querySelector('button')?.focus()
  }
  const add = (type: TableType) => {
    const name = freeName(tables, type === 'file' ? 'table' : type)
    set(t('Add table {name}', { name }), { ...tables, [name]: newTable(type) })
  }
  return (
    <>
      {Object.entries(tables).map(([name, table], index) => (
        // By place, so that typing a new name keeps the cursor where it is.
        <div key={index} role="group" aria-label={t('Table {name}', { name })} className="flex flex-col gap-3 border-l pl-3">
          <div className="flex items-end gap-1">
            <div className="min-w-0 flex-1">
              <TableName name={name} taken={tables} onRename={(to) => set(t('Rename table {name}', { name }), renameMember(tables, name, to))} />
            </div>
            {canEdit && (
              <IconButton label={t('Remove table {name}', { name })} onPress={() => remove(name)}>
                <X aria-hidden size={14} />
              </IconButton>
            )}
          </div>
          {isRecord(table) && spec.options != null ? (
            <OptionsForm folded specs={spec.options} value={table} path={['enrichment_tables', name]} onChange={(next) => put(name, next)} />
          ) : (
            <OptionField name={name} spec={spec} isRequired value={table} path={['enrichment_tables', name]} onChange={(next) => put(name, next)} />
          )}
        </div>
      ))}
      {canEdit && (
        <div ref={adding}>
          <Menu
            label={t('Add table')}
            trigger={
              <Button>
                <Plus aria-hidden size={14} />
                {t('Add table')}
              </Button>
            }
            actions={types().map(({ id, label, hint }) => ({ id, label, hint, onAction: () => add(id) }))}
          />
        </div>
      )}
    </>
  )
}

function TableName({ name, taken, onRename }: { name: string; taken: Options; onRename: (to: string) => void }) {
  const { canEdit } = useEditor()
  const [typed, setTyped] = useState<string | null>(null)
  const text = typed ?? name
  const refusal = !NAME_PATTERN.test(text) ? t('Letters, digits, _ and -, not beginning with a digit.') : text !== name && text in taken ? t('Another table has this name.') : undefined
  const commit = () => {
    if (refusal === undefined && text !== name) onRename(text)
    setTyped(null)
  }
  return (
    <div onBlur={commit} onKeyDown={(event) => event.key === 'Enter' && commit()}>
      <TextField label={t('Name of the table')} mono isDisabled={!canEdit} value={text} onChange={setTyped} error={refusal} />
    </div>
  )
}
