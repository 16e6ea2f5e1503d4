import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useMemo } from 'react'
import { getNodeSummaryOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { FormContext } from '@/features/forms/context'
import { OptionsForm } from '@/features/forms/options-form'
import { ProgramControl } from '@/features/vrl/program-control'
import { t } from '@/lib/i18n'
import { describeError } from '@/lib/problem'
import { TextField } from '@/ui/field'
import { useCheck, useEditor, useEditorState } from '../context'
import { useFixes } from '../fixes'
import { Tables } from './tables'
import { Variables } from './variables'

/** What belongs to the pipeline as a whole: where it may run, tables to look up in, its variables, Vector's own settings. */
export default function SettingsPane() {
  const { specs, canEdit } = useEditor()
  const globals = useEditorState((state) => state.draft.document.globals)
  const change = useEditorState((state) => state.change)
  const findings = useCheck().result?.findings
  const own = useMemo(() => (findings ?? []).filter((each) => each.component == null), [findings])
  const fixes = useFixes()
  const form = useMemo(() => ({ findings: own, readOnly: !canEdit, program: ProgramControl, fixes }), [own, canEdit, fixes])
  const settings = Object.fromEntries(Object.entries(specs.root).filter(([name]) => name !== 'enrichment_tables'))
  return (
    <FormContext value={form}>
      <div className="flex flex-col gap-7 p-4">
        <Part title={t('Where it runs')}>
          <SelectorField />
        </Part>
        <Part title={t('Enrichment tables')} help={t('Programs look things up in them by name, with get_enrichment_table_record and find_enrichment_table_records.')}>
          <Tables />
        </Part>
        <Part title={t('Variables')} help={t('Options refer to them as VAR[name]. They belong to this pipeline alone; those of the environment stand in the vault.')}>
          <Variables />
        </Part>
        <Part title={t('Settings of Vector')} help={t('They hold for the whole pipeline.')}>
          <OptionsForm
            specs={settings}
            value={globals}
            path={['globals']}
            onChange={(next) => change(t('Change the settings'), (draft) => ({ ...draft, document: { ...draft.document, globals: next } }), 'globals')}
          />
        </Part>
      </div>
    </FormContext>
  )
}

function Part({ title, help, children }: { title: string; help?: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="flex flex-col gap-3">
      <div>
        <h2 className="font-semibold">{title}</h2>
        {help !== undefined && <p className="text-sm text-secondary">{help}</p>}
      </div>
      {children}
    </section>
  )
}

/** Which nodes the pipeline is meant for, and how many these are now. */
function SelectorField() {
  const { org, env } = useScope()
  const can = useCan()
  const { canEdit } = useEditor()
  const selector = useEditorState((state) => state.draft.document.selector)
  const change = useEditorState((state) => state.change)
  const found = useQuery({ ...getNodeSummaryOptions({ path: { org, env }, query: { selector } }), enabled: can('node.read'), retry: false })
  const count = found.data?.nodes
  return (
    <TextField
      label={t('Labels of its nodes')}
      mono
      isDisabled={!canEdit}
      value={selector}
      maxLength={1000}
      onChange={(next) => change(t('Change where it runs'), (draft) => ({ ...draft, document: { ...draft.document, selector: next } }), 'selector')}
      placeholder="env=prod, region in (eu, us), !canary"
      hint={
        <>
          {t('The first deployment goes to these nodes unless another choice is made there; empty means all.')}
          {count !== undefined && ` ${t('{n, plural, one {Finds # node now.} other {Finds # nodes now.}}', { n: count })}`}
        </>
      }
      error={found.error === null ? undefined : describeError(found.error).detail}
    />
  )
}
