import { Link } from '@tanstack/react-router'
import type { LogLine } from '@/api/gen'
import { useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { levelLabel } from './words'

const TONES: Record<LogLine['level'], string> = { error: 'text-bad', warn: 'text-warn', info: 'text-secondary', debug: 'text-secondary', trace: 'text-secondary' }

type LogLinesProps = { lines: LogLine[]; hideNode?: boolean }

/** Lines as nodes told them, the newest first. A gap says how many are missing, and why. */
export function LogLines({ lines, hideNode = false }: LogLinesProps) {
  const { org, env } = useScope()
  return (
    <ul aria-label={t('Log lines')} className="divide-y divide-border border-y">
      {lines.map((line) => (
        <li key={line.id} className={`grid grid-cols-[auto_auto_minmax(0,1fr)] gap-x-3 px-1 py-1 text-sm max-sm:grid-cols-[auto_1fr] ${line.dropped > 0 ? 'bg-warn-tint' : ''}`}>
          <time dateTime={line.at} className="whitespace-nowrap text-secondary tabular-nums">
            {formatTime(line.at)}
          </time>
          <span className={`w-14 font-medium ${TONES[line.level]}`}>{line.dropped > 0 ? t('Gap') : levelLabel(line.level)}</span>
          <span className="min-w-0 max-sm:col-span-2">
            <span className="mr-2 text-secondary">
              {!hideNode && (
                <Link to="/$org/$env/nodes/$nodeId" params={{ org, env, nodeId: line.node.id }} className="hover:underline">
                  {line.node.name ?? t('a node that is gone')}
                </Link>
              )}
              {!hideNode && ' · '}
              {line.pipeline === null ? t('agent') : (line.pipeline.name ?? t('a pipeline that is gone'))}
              {line.component !== '' && ` · ${line.component}`}
            </span>
            <span className="font-mono [overflow-wrap:anywhere]">{line.text}</span>
          </span>
        </li>
      ))}
    </ul>
  )
}
