import { useNavigate, useSearch } from '@tanstack/react-router'
import { Settings2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { lazy, Suspense } from 'react'
import type { EditorPane } from '@/app/search'
import { t } from '@/lib/i18n'
import { LoadingState } from '@/ui/states'
import { TabbedPane } from '@/ui/tabs'
import { useCheck, useEditor, useEditorState } from './context'
import { Outline } from './outline'

// Editors of text weigh as much as the canvas: they are fetched beside it and begin their work after it is drawn.
const textPane = () => import('./text/text-pane')
const inspector = () => import('./inspector/inspector')
for (const fetched of [textPane(), inspector()]) void fetched.catch(() => undefined)
const TextPane = lazy(async () => ({ default: (await textPane()).TextPane }))
const Inspector = lazy(async () => ({ default: (await inspector()).Inspector }))
const FindingsPane = lazy(async () => ({ default: (await import('./findings-pane')).FindingsPane }))
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
  const tabs: { id: Pane; label: string; count?: number; icon?: ReactNode }[] = [
    ...(component === undefined ? [] : [{ id: 'component' as const, label: t('Component') }]),
    { id: 'yaml', label: t('YAML') },
    { id: 'findings', label: t('Findings'), count: findings.length },
    { id: 'tests', label: t('Tests'), count: tests },
    { id: 'outline', label: t('List') },
    { id: 'settings', label: t('Settings'), icon: <Settings2 aria-hidden size={16} /> },
  ]
  const choose = (id: Pane) =>
    void navigate({ search: (before) => ({ ...before, pane: id === 'component' ? undefined : id, line: undefined }), replace: true })
  return (
    <TabbedPane label={t('Side pane')} value={pane} tabs={tabs} isDense onChange={choose}>
      <Suspense fallback={<LoadingState />}>
        {pane === 'component' && component !== undefined && <Inspector component={component} />}
        {pane === 'yaml' && <TextPane />}
        {pane === 'findings' && <FindingsPane />}
        {pane === 'tests' && <TestsPane />}
        {pane === 'outline' && <Outline />}
        {pane === 'settings' && <SettingsPane />}
      </Suspense>
    </TabbedPane>
  )
}
