import { Link } from '@tanstack/react-router'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'

const CLASS = 'flex h-7 items-center pointer-coarse:h-10 rounded-md px-2.5 font-medium text-secondary hover:text-text aria-[current=page]:bg-hover aria-[current=page]:text-text'

const EXACT = { exact: true, includeSearch: false }

/** The pages of one pipeline. */
export function PipelineTabs({ pipelineId }: { pipelineId: string }) {
  const params = { ...useScope(), pipelineId }
  const can = useCan()
  return (
    <nav aria-label={t('Pipeline')} className="flex gap-1">
      <Link to="/$org/$env/pipelines/$pipelineId" params={params} className={CLASS} activeOptions={EXACT}>
        {t('Editor')}
      </Link>
      <Link to="/$org/$env/pipelines/$pipelineId/revisions" params={params} className={CLASS} activeOptions={EXACT}>
        {t('Revisions')}
      </Link>
      {can('telemetry.read') && (
        <Link to="/$org/$env/pipelines/$pipelineId/metrics" params={params} className={CLASS}>
          {t('Metrics')}
        </Link>
      )}
      <Link to="/$org/$env/rollouts" params={params} search={{ pipeline: pipelineId }} className={CLASS}>
        {t('Rollouts')}
      </Link>
    </nav>
  )
}
