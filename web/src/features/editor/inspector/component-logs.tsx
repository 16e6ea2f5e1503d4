import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { listLogsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { levelLabel } from '@/features/logs/words'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { useEditor } from '../context'

const REFRESH_MS = 15_000

/** What the engines said last about a component, and the way to all of it; nothing when they said nothing. */
export function ComponentLogs({ id }: { id: string }) {
  const { org, env } = useScope()
  const { pipelineId } = useEditor()
  const can = useCan()
  const now = useNow(10_000)
  const query = { pipeline: pipelineId, component: id, limit: 1 }
  const list = useQuery({ ...listLogsOptions({ path: { org, env }, query }), enabled: can('log.read'), refetchInterval: REFRESH_MS })
  const line = list.data?.items[0]
  if (line === undefined) return null
  return (
    <div className="text-sm">
      <p className="line-clamp-3 font-mono [overflow-wrap:anywhere]">
        <span className={line.level === 'error' ? 'text-bad' : 'text-warn'}>{levelLabel(line.level)}</span> {line.text}
      </p>
      <Link to="/$org/$env/logs" params={{ org, env }} search={{ pipeline: pipelineId, component: id }} className="underline">
        {t('Said {age}; all lines of this component', { age: formatAge(line.at, now) })}
      </Link>
    </div>
  )
}
