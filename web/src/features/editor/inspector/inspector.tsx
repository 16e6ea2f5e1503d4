import { Copy, Trash2, X } from 'lucide-react'
import type { KeyboardEvent } from 'react'
import { useMemo, useState } from 'react'
import { FormContext } from '@/features/forms/context'
import { FieldFinding } from '@/features/forms/option-field'
import { OptionsForm } from '@/features/forms/options-form'
import type { Options } from '@/features/forms/values'
import { isRecord } from '@/features/forms/values'
import { YamlControl } from '@/features/forms/yaml-control'
import { ProgramControl } from '@/features/vrl/program-control'
import { t } from '@/lib/i18n'
import { IconButton } from '@/ui/button'
import { TextField } from '@/ui/field'
import { Switch } from '@/ui/switch'
import { KIND_ICONS, KIND_TINTS } from '../canvas/component-card'
import { cardOf } from '../canvas/focus'
import { useCheck, useEditor, useEditorState } from '../context'
import { useFixes } from '../fixes'
import { duplicate } from '../graph/duplicate'
import { removeComponents, renamePort, setComment, setEnabled, setOptions } from '../graph/operations'
import type { Component, Document } from '../graph/types'
import { ComponentLogs } from './component-logs'
import { ComponentRatesView } from './component-rates'
import { IdField } from './id-field'
import { TapButton } from './tap-button'

const NO_SPECS = {}

/** Sets options; when one name in a map that makes outputs was changed, the edges from it follow. */
export function applyOptions(document: Document, component: Component, options: Options, ports: string | undefined): Document {
  const changed = setOptions(document, component.id, options)
  if (ports !== 'route') return changed
  const before = Object.keys(isRecord(component.options.route) ? component.options.route : {})
  const after = Object.keys(isRecord(options.route) ? options.route : {})
  if (before.length !== after.length) return changed
  const different = before.flatMap((name, index) => (name === after[index] ? [] : [[name, after[index]] as const]))
  const [only] = different
  if (different.length !== 1 || only?.[1] === undefined) return changed
  return renamePort(changed, component.id, only[0], only[1])
}

/** All about the selected component: id, state, rates, options, findings. */
export function Inspector({ component }: { component: Component }) {
  const { specs, canEdit, select } = useEditor()
  const change = useEditorState((state) => state.change)
  const findings = useCheck().result?.findings
  const spec = specs.get(component)
  const own = useMemo(() => (findings ?? []).filter((each) => each.component === component.id), [findings, component.id])
  const fixes = useFixes()
  const form = useMemo(() => ({ findings: own, readOnly: !canEdit, program: ProgramControl, fixes }), [own, canEdit, fixes])
  const [asYaml, setAsYaml] = useState(false)
  const edit = (label: string, next: (document: Document) => Document, merge?: string) =>
    change(label, (draft) => ({ ...draft, document: next(draft.document) }), merge)
  const setOptionsTo = (options: Options) =>
    edit(t('Change {id}', { id: component.id }), (document) => applyOptions(document, component, options, spec?.ports), `options:${component.id}`)
  const setAll = (options: unknown) => {
    if (options === undefined) setOptionsTo({})
    // Type and inputs are not options: the graph says them.
    else if (isRecord(options)) setOptionsTo(Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'type' && name !== 'inputs')))
  }
  const copy = () => {
    let copied = component.id
    edit(t('Duplicate'), (document) => {
      const [next, ids] = duplicate(document, new Set([component.id]))
      copied = ids[0] ?? copied
      return next
    })
    select(copied)
  }
  const remove = () => {
    edit(t('Remove {id}', { id: component.id }), (document) => removeComponents(document, new Set([component.id])))
    select(undefined)
  }
  // Not what is open over it, such as a list: that closes first.
  const leave = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key === 'Escape' && !event.defaultPrevented && event.currentTarget.contains(event.target as Node)) cardOf(component.id)?.focus()
  }
  return (
    <section data-inspector tabIndex={-1} aria-label={t('Inspector')} onKeyDown={leave} className="flex flex-col gap-4 p-4 outline-none">
      <Header component={component} title={spec?.title ?? component.type} help={spec?.help ?? t('The catalogue does not know this type; its options are kept as they are.')}>
        {canEdit && (
          <>
            <IconButton label={t('Duplicate')} onPress={copy}>
              <Copy aria-hidden size={14} />
            </IconButton>
            <IconButton label={t('Remove')} onPress={remove}>
              <Trash2 aria-hidden size={14} />
            </IconButton>
          </>
        )}
        <IconButton label={t('Close')} onPress={() => select(undefined)}>
          <X aria-hidden size={14} />
        </IconButton>
      </Header>
      <div className="flex items-end gap-3">
        <div className="min-w-0 flex-1">
          <IdField component={component} />
        </div>
        <div className="pb-1">
          <Switch
            label={t('Enabled')}
            isDisabled={!canEdit}
            isSelected={component.enabled !== false}
            onChange={(on) => edit(on ? t('Enable') : t('Disable'), (document) => setEnabled(document, component.id, on))}
          />
        </div>
      </div>
      <ComponentRatesView id={component.id} />
      {component.kind !== 'sink' && <TapButton component={component.id} />}
      <ComponentLogs id={component.id} />
      <FormContext value={form}>
        {own.filter((each) => (each.path ?? []).length === 0).map((finding, index) => (
          <FieldFinding key={index} finding={finding} />
        ))}
        <div className="flex items-center justify-between">
          <h3 className="text-sm font-medium text-secondary">{t('Options')}</h3>
          <Switch label={t('As YAML')} isSelected={asYaml} onChange={setAsYaml} />
        </div>
        {asYaml ? (
          <YamlControl
            key={component.id}
            label={t('Options')}
            readOnly={!canEdit}
            value={Object.keys(component.options).length === 0 ? undefined : component.options}
            onChange={(options) => setAll(options)}
          />
        ) : (
        <OptionsForm
          key={component.id}
          folded
          specs={spec?.options ?? NO_SPECS}
          value={component.options}
          path={[]}
          onChange={setOptionsTo}
        />
        )}
      </FormContext>
      <TextField
        label={t('Note')}
        rows={2}
        isDisabled={!canEdit}
        value={component.comment ?? ''}
        onChange={(text) => edit(t('Change note'), (document) => setComment(document, component.id, text), `comment:${component.id}`)}
      />
    </section>
  )
}

type HeaderProps = { component: Component; title: string; help: string; children: React.ReactNode }

function Header({ component, title, help, children }: HeaderProps) {
  const Icon = KIND_ICONS[component.kind]
  return (
    <header className="flex flex-col gap-1.5">
      <div className="flex items-center gap-2">
        <span className={`flex size-7 shrink-0 items-center justify-center rounded-md ${KIND_TINTS[component.kind]}`}>
          <Icon aria-hidden size={15} />
        </span>
        <div className="min-w-0 flex-1">
          <h2 className="truncate text-lg leading-5 font-semibold">{title}</h2>
          <div className="truncate font-mono text-sm text-secondary">
            {component.kind} · {component.type}
          </div>
        </div>
        {children}
      </div>
      <p className="text-sm text-secondary">{help}</p>
    </header>
  )
}
