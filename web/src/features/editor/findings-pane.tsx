import { useNavigate } from '@tanstack/react-router'
import { CircleCheck, Wrench } from 'lucide-react'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { FindingLine } from '@/ui/finding-line'
import { useCheck, useEditor } from './context'
import { useFixes } from './fixes'
import { useFindingLines, useFollowedText } from './text/text-pane'

/** What the check finds, each with its component, its line and what mends it. */
export function FindingsPane() {
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
