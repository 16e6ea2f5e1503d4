import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleCheck, Wrench } from 'lucide-react'
import { lazy, Suspense } from 'react'
import type { EditorPane } from '@/app/search'
import { FindingLine } from '@/ui/finding-line'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { LoadingState } from '@/ui/states'
import { TabbedPane } from '@/ui/tabs'
import { useCheck, useEditor, useEditorState } from './context'
import { useFixes } from './fixes'
import { Inspector } from './inspector/inspector'
import { Outline } from './outline'
import { TextPane, useFindingLines, useFollowedText } from './text/text-pane'

// Few visits to the editor write tests.
const TestsPane = lazy(async () => ({ default: (await import('./tests/tests-pane')).TestsPane }))
// Nor do many change what holds for the whole pipeline.
const SettingsPane = lazy(() => import('./settings/settings-pane'))

type Pane = EditorPane | 'component'

/** What stands beside the canvas: the selected component, the YAML it compiles to, findings, the graph as a list, and what holds for all of it. */
export function SidePane() {
  const { selected } = useEditor()
  const component = useEditorState((state) => state.draft.document.components.find((each) => each.id === selected))
  const search = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  const tests = useEditorState((state) => state.draft.document.tests.length)
  const findings = useCheck().result?.findings ?? []
  const pane: Pane = search.pane ?? (component === undefined ? 'yaml' : 'component')
  const tabs: { id: Pane; label: string; count?: number }[] = [
    ...(component === undefined ? [] : [{ id: 'component' as const, label: t('Component') }]),
    { id: 'yaml', label: t('YAML') },
    { id: 'findings', label: t('Findings'), count: findings.length },
    { id: 'tests', label: t('Tests'), count: tests },
    { id: 'outline', label: t('List') },
    { id: 'settings', label: t('Settings') },
  ]
  const choose = (id: Pane) =>
    void navigate({ search: (before) => ({ ...before, pane: id === 'component' ? undefined : id, line: undefined }), replace: true })
  return (
    <TabbedPane label={t('Side pane')} value={pane} tabs={tabs} onChange={choose}>
      {pane === 'component' && component !== undefined && <Inspector component={component} />}
      {pane === 'yaml' && <TextPane />}
      {pane === 'findings' && <FindingsPane />}
      {pane === 'tests' && (
        <Suspense fallback={<LoadingState />}>
          <TestsPane />
        </Suspense>
      )}
      {pane === 'outline' && <Outline />}
      {pane === 'settings' && (
        <Suspense fallback={<LoadingState />}>
          <SettingsPane />
        </Suspense>
      )}
    </TabbedPane>
  )
}

function FindingsPane() {
  const { result } = useCheck()
  const { select } = useEditor()
  const { offer, apply } = useFixes()
  useFollowedText()
  const { lines } = useFindingLines()
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId' })
  const showLine = (line: number) => void navigate({ search: (before) => ({ ...before, pane: 'yaml', line }), replace: true })
  if (result !== undefined && lines.length === 0) {
    return (
      <p className="flex items-center gap-2 p-4 text-good">
        <CircleCheck aria-hidden size={15} />
        {t('Nothing to remark.')}
      </p>
    )
  }
  return (
    <ul className="flex flex-col p-2">
      {lines.map(({ finding, line }, index) => {
        const fix = offer(finding)
        return (
          <li key={index} className="flex flex-wrap items-start">
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
            {fix !== null && (
              <div className="basis-full pb-2 pl-7">
                <Button onPress={() => void apply(finding)}>
                  <Wrench aria-hidden size={13} />
                  {fix}
                </Button>
              </div>
            )}
          </li>
        )
      })}
    </ul>
  )
}
