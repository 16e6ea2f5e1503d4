import type { Deployed } from '@/api/gen'
import { t } from '@/lib/i18n'
import type { Tone } from '@/ui/badge'
import { StateBadge } from '@/ui/badge'

function toneOf(deployed: Deployed): Tone {
  if (deployed.nodes_assigned > 0 && deployed.nodes_running === deployed.nodes_assigned) return 'good'
  return deployed.nodes_running === 0 ? 'bad' : 'warn'
}

/** What runs of a pipeline, counted from the nodes' own reports. */
export function DeployedState({ deployed }: { deployed: Deployed | null }) {
  if (deployed === null) return <StateBadge tone="unknown" label={t('Not deployed')} />
  const { revision, nodes_running: running, nodes_assigned: assigned } = deployed
  if (assigned === 0) return <StateBadge tone="unknown" label={t('Revision {revision}, no nodes', { revision })} />
  return (
    <span className="inline-flex flex-wrap items-center gap-x-2">
      <StateBadge tone={toneOf(deployed)} label={t('Revision {revision}', { revision })} />
      <span className="whitespace-nowrap text-secondary tabular-nums">
        {t('{running} of {assigned, plural, one {# node} other {# nodes}}', { running, assigned })}
      </span>
    </span>
  )
}
