import { useSearch } from '@tanstack/react-router'
import { TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { useEffect, useMemo } from 'react'
import { useStore } from 'zustand'
import { t } from '@/lib/i18n'
import { useSettled } from '@/lib/use-settled'
import { Button } from '@/ui/button'
import { CodeEditor } from '@/ui/code-editor'
import type { LineMark } from '@/ui/code-marks'
import { InlineError, LoadingState } from '@/ui/states'
import { useCheck, useEditor, useEditorState } from '../context'
import { useFixes } from '../fixes'
import { yamlAssist } from './assist'
import { lineOfFinding, Places } from './places'

/** The text is taken apart once it has stood still so long: that takes longer than a frame in a large pipeline. */
const READ_PAUSE_MS = 200

/** The findings of the check with their lines in the text, as far as the text has them. */
export function useFindingLines() {
  const { text: session } = useEditor()
  const document = useEditorState((state) => state.draft.document)
  const text = useSettled(useStore(session.state, (state) => state.text), READ_PAUSE_MS)
  const { result } = useCheck()
  const findings = result?.findings
  const compiledText = result?.yaml ?? null
  const places = useMemo(() => new Places(text), [text])
  // Only what the compiler of programs says counts in lines of the compiled text.
  const countsThere = (findings ?? []).some((finding) => finding.rule.startsWith('vrl.') && finding.line != null)
  const compiled = useMemo(() => (compiledText === null || !countsThere ? null : new Places(compiledText)), [compiledText, countsThere])
  return useMemo(() => {
    const lines = (findings ?? []).map((finding) => ({ finding, line: lineOfFinding(finding, document, places, compiled) }))
    return { lines, places }
  }, [places, compiled, findings, document])
}

/** Follows the graph with the text as long as something shows it. */
export function useFollowedText() {
  const { text: session } = useEditor()
  useEffect(() => session.start(), [session])
  return session
}

/** The pipeline as YAML, to read and to edit; graph and text follow each other. */
export function TextPane() {
  const { specs, store, selected, select, canEdit } = useEditor()
  const session = useFollowedText()
  const state = useStore(session.state)
  const search = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId' })
  const { lines, places } = useFindingLines()
  const { offer, apply } = useFixes()
  const assist = useMemo(() => yamlAssist(specs, () => store.getState().draft.document), [specs, store])
  const selectedKind = useEditorState((each) => each.draft.document.components.find(({ id }) => id === selected)?.kind)
  const line = search.line ?? (selected !== undefined && selectedKind !== undefined ? places.lineOf([`${selectedKind}s`, selected]) : null)
  const marks = useMemo((): LineMark[] => {
    const own = state.findings.map(({ line: at, severity, message }): LineMark => ({ line: at ?? 1, severity, message }))
    if (state.isBroken) return own
    return [
      ...own,
      ...lines.flatMap(({ finding, line: at }): LineMark[] => {
        if (at === null) return []
        const label = offer(finding)
        return [{ line: at, severity: finding.severity, message: finding.message, ...(label === null ? {} : { fix: { label, run: () => void apply(finding) } }) }]
      }),
    ]
  }, [state.findings, state.isBroken, lines, offer, apply])
  const followCursor = (at: number) => {
    const component = places.componentAt(at)
    if (component !== null && component !== selected) select(component, { keepPane: true })
  }
  if (!state.isReady) {
    return <div className="p-4">{state.error === null ? <LoadingState rows={8} /> : <InlineError error={state.error} />}</div>
  }
  return (
    <div className="flex h-full min-h-0 flex-col">
      {state.error !== null && <InlineError error={state.error} />}
      {state.isBroken && state.error === null && (
        <Bar>
          <span className="min-w-40 flex-1 py-1">
            {state.isBehind
              ? t('The graph has changed since this text could last be read. What is typed here replaces it.')
              : t('This cannot be read yet; the graph keeps its last state. {message}', { message: state.findings[0]?.message ?? '' })}
          </span>
          <Button variant="quiet" onPress={() => session.showGraph()}>
            {t('Show the graph’s text')}
          </Button>
        </Bar>
      )}
      <div className="min-h-0 flex-1">
        <CodeEditor
          fill
          readOnly={!canEdit}
          label={t('Pipeline as YAML')}
          language="yaml"
          value={state.text}
          line={line}
          marks={marks}
          extensions={assist}
          onChange={(text) => session.type(text)}
          onCursorLine={followCursor}
        />
      </div>
    </div>
  )
}

function Bar({ children }: { children: ReactNode }) {
  return (
    <div role="status" className="flex shrink-0 flex-wrap items-center gap-x-2 border-b bg-warn-tint px-3 py-1 text-sm text-text">
      <TriangleAlert aria-hidden size={14} className="shrink-0 text-warn" />
      {children}
    </div>
  )
}
