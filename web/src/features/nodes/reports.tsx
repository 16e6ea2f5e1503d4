import type { Assignment, Report } from '@/api/gen'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useTimeZone } from '@/lib/time-zone'
import { CodeBlock } from '@/ui/code'

/** What a node says happened; a word that is newer than this page is shown as it came. */
export function reportLabel(kind: string): string {
  const words: Record<string, string> = {
    applied: t('Applied'),
    refused: t('Refused'),
    crashed: t('Crashed'),
    restarted: t('Restarted'),
    stopped: t('Stopped'),
    held: t('Held'),
    kept: t('Goes on as it was'),
    'statement-done': t('Order carried out'),
  }
  return words[kind] ?? kind
}

/** The node's own words on what it applied, newest first. */
export function Reports({ reports, assignments }: { reports: Report[]; assignments: Assignment[] }) {
  useTimeZone()
  const names = new Map(assignments.map((each) => [each.pipeline.id, each.pipeline.name]))
  if (reports.length === 0) return <p className="text-secondary">{t('The node has not reported yet.')}</p>
  return (
    <ol>
      {[...reports]
        .sort((a, b) => b.sequence - a.sequence)
        .map((report) => (
          <li key={`${report.sequence} ${report.at} ${report.kind}`} className="border-b py-2 first:border-t">
            <div className="flex flex-wrap gap-x-3">
              <span className="text-sm text-secondary tabular-nums">{formatTime(report.at)}</span>
              <span className="font-medium">{reportLabel(report.kind)}</span>
              {report.pipeline_id !== null && (
                <span className="text-secondary">
                  {names.get(report.pipeline_id) ?? report.pipeline_id}
                  {report.revision !== null && `, ${t('revision {n}', { n: report.revision })}`}
                </span>
              )}
            </div>
            {report.message != null && report.message !== '' && <p className="[overflow-wrap:anywhere]">{report.message}</p>}
            {report.engine_output.length > 0 && (
              <div className="mt-1">
                <CodeBlock label={t('Output of the engine')} text={report.engine_output.join('\n')} />
              </div>
            )}
          </li>
        ))}
    </ol>
  )
}
