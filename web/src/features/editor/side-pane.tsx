import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleCheck } from 'lucide-react'
import type { EditorPane } from '@/app/router'
import { FindingLine } from '@/ui/finding-line'
import { t } from '@/lib/i18n'
import { CodeEditor } from '@/ui/code-editor'
import { InlineError } from '@/ui/states'
import { TabbedPane } from '@/ui/tabs'
import { useCheck, useEditor, useEditorState } from './context'
import { Inspector } from './inspector/inspector'
import { Outline } from './outline'

type Pane = EditorPane | 'component'

/** What stands beside the canvas: the selected component, the YAML it compiles to, findings, the graph as a list. */
export function SidePane() {
  const { selected } = useEditor()
  const component = useEditorState((state) => state.draft.document.components.find((each) => each.id === selected))
  const search = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  const findings = useCheck().result?.findings ?? []
  const pane: Pane = search.pane ?? (component === undefined ? 'yaml' : 'component')
  const tabs: { id: Pane; label: string; count?: number }[] = [
    ...(component === undefined ? [] : [{ id: 'component' as const, label: t('Component') }]),
    { id: 'yaml', label: t('YAML') },
    { id: 'findings', label: t('Findings'), count: findings.length },
    { id: 'outline', label: t('List') },
  ]
  const choose = (id: Pane) =>
    void navigate({ search: (before) => ({ ...before, pane: id === 'component' ? undefined : id }), replace: true })
  return (
    <TabbedPane label={t('Side pane')} value={pane} tabs={tabs} onChange={choose}>
      {pane === 'component' && component !== undefined && <Inspector component={component} />}
      {pane === 'yaml' && <YamlPane />}
      {pane === 'findings' && <FindingsPane />}
      {pane === 'outline' && <Outline />}
    </TabbedPane>
  )
}

function YamlPane() {
  const { result, error, isStale } = useCheck()
  const { selected } = useEditor()
  const line = result?.yaml != null && selected !== undefined ? lineOf(result.yaml, selected) : null
  if (error !== null && result === undefined) {
    return (
      <div className="p-4">
        <InlineError error={error} />
      </div>
    )
  }
  if (result !== undefined && result.yaml === null) {
    return <p className="p-4 text-secondary">{t('There is no YAML yet: the findings say what is in the way.')}</p>
  }
  return (
    <div className={`h-full ${isStale ? 'opacity-60' : ''}`} aria-busy={isStale}>
      <CodeEditor fill readOnly label={t('Compiled YAML')} language="yaml" value={result?.yaml ?? ''} line={line} />
    </div>
  )
}

/** The line (from 1) on which a component begins in compiled YAML. */
export function lineOf(text: string, component: string): number | null {
  const index = text.split('\n').findIndex((line) => line === `  ${component}:` || line === `  "${component}":`)
  return index < 0 ? null : index + 1
}

function FindingsPane() {
  const { result } = useCheck()
  const { select } = useEditor()
  const findings = result?.findings ?? []
  if (result !== undefined && findings.length === 0) {
    return (
      <p className="flex items-center gap-2 p-4 text-good">
        <CircleCheck aria-hidden size={15} />
        {t('Nothing to remark.')}
      </p>
    )
  }
  return (
    <ul className="flex flex-col p-2">
      {findings.map((finding, index) => (
        <li key={index}>
          <button
            type="button"
            disabled={finding.component == null}
            onClick={() => select(finding.component ?? undefined)}
            className="flex w-full flex-col gap-0.5 rounded-md p-2 text-left not-disabled:cursor-pointer not-disabled:hover:bg-hover"
          >
            <FindingLine finding={finding} />
            <span className="pl-5 font-mono text-sm text-secondary">
              {[finding.component, (finding.path ?? []).join('.')].filter((part) => part != null && part !== '').join(' · ')}
            </span>
          </button>
        </li>
      ))}
    </ul>
  )
}
