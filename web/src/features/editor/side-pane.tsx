import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleCheck } from 'lucide-react'
import { useMemo } from 'react'
import type { EditorPane } from '@/app/router'
import { FindingLine } from '@/ui/finding-line'
import { t } from '@/lib/i18n'
import { CodeEditor } from '@/ui/code-editor'
import { InlineError } from '@/ui/states'
import { TabbedPane } from '@/ui/tabs'
import { useCheck, useEditor, useEditorState } from './context'
import { lineOf, lineOfFinding } from './finding-place'
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
    void navigate({ search: (before) => ({ ...before, pane: id === 'component' ? undefined : id, line: undefined }), replace: true })
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
  const { selected, select } = useEditor()
  const search = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const line = search.line ?? (result?.yaml != null && selected !== undefined ? lineOf(result.yaml, selected) : null)
  const marks = useMemo(
    () =>
      (result?.findings ?? []).flatMap((finding) => {
        const at = lineOfFinding(result?.yaml ?? '', finding)
        return at === null ? [] : [{ line: at, severity: finding.severity, message: finding.message, component: finding.component }]
      }),
    [result],
  )
  const open = (at: number) => {
    const component = marks.find((each) => each.line === at)?.component
    if (component != null) select(component)
  }
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
      <CodeEditor fill readOnly label={t('Compiled YAML')} language="yaml" value={result?.yaml ?? ''} line={line} marks={marks} onMark={open} />
    </div>
  )
}

function FindingsPane() {
  const { result } = useCheck()
  const { select } = useEditor()
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  const showLine = (line: number) => void navigate({ search: (before) => ({ ...before, pane: 'yaml', line }), replace: true })
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
      {findings.map((finding, index) => {
        const line = result?.yaml == null ? null : lineOfFinding(result.yaml, finding)
        return (
          <li key={index} className="flex items-start">
            <button
              type="button"
              disabled={finding.component == null}
              onClick={() => select(finding.component ?? undefined)}
              className="flex min-w-0 flex-1 flex-col gap-0.5 rounded-md p-2 text-left not-disabled:cursor-pointer not-disabled:hover:bg-hover"
            >
              <FindingLine finding={finding} />
              <span className="pl-5 font-mono text-sm text-secondary">
                {[finding.component, (finding.path ?? []).join('.')].filter((part) => part != null && part !== '').join(' · ')}
              </span>
            </button>
            {line !== null && (
              <button
                type="button"
                onClick={() => showLine(line)}
                className="shrink-0 cursor-pointer rounded-md p-2 text-sm whitespace-nowrap text-secondary tabular-nums hover:bg-hover hover:text-text"
              >
                {t('Line {line}', { line })}
              </button>
            )}
          </li>
        )
      })}
    </ul>
  )
}
