import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { getNodeSummaryOptions, listDriftOptions, listNodesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'

const REFRESH_MS = 15_000

/** What waits for a person's decision: admissions, possible duplicates, drift. Nothing when nothing waits. */
export function FleetNotices() {
  const path = useScope()
  const summary = useQuery({ ...getNodeSummaryOptions({ path }), refetchInterval: REFRESH_MS })
  const doubles = useQuery({ ...listNodesOptions({ path, query: { duplicates: true, limit: 50 } }), refetchInterval: REFRESH_MS })
  const drift = useQuery({ ...listDriftOptions({ path }), refetchInterval: REFRESH_MS })
  const waiting = summary.data?.statuses.find((each) => each.value === 'waiting')?.nodes ?? 0
  const duplicates = doubles.data?.items.length ?? 0
  const drifted = drift.data?.items.length ?? 0
  if (waiting + duplicates + drifted === 0) return null
  return (
    <ul className="mb-4 flex flex-wrap gap-x-6 gap-y-1 rounded-md bg-warn-tint px-3 py-2 text-warn">
      {waiting > 0 && (
        <li>
          <Link to="/$org/$env/nodes" params={path} search={{ status: 'waiting' }} className="underline">
            {t('Nodes that wait to be admitted: {count}', { count: waiting })}
          </Link>
        </li>
      )}
      {duplicates > 0 && (
        <li>
          <Link to="/$org/$env/nodes" params={path} search={{ duplicates: true }} className="underline">
            {t('Possible duplicates: {count}', { count: duplicates })}
          </Link>
        </li>
      )}
      {drifted > 0 && (
        <li>
          <Link to="/$org/$env/groups" params={path} className="underline">
            {t('Differences to confirm: {count}', { count: drifted })}
          </Link>
        </li>
      )}
    </ul>
  )
}
