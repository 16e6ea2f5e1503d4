import { Link } from '@tanstack/react-router'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'

const CLASS = 'flex h-7 items-center rounded-md px-2.5 font-medium text-secondary hover:text-text aria-[current=page]:bg-hover aria-[current=page]:text-text'

/** The pages of one pipeline. */
export function PipelineTabs({ pipelineId, current }: { pipelineId: string; current: 'editor' | 'revisions' }) {
  const params = { ...useScope(), pipelineId }
  return (
    <nav aria-label={t('Pipeline')} className="flex gap-1">
      <Link to="/$org/$env/pipelines/$pipelineId" params={params} className={CLASS} aria-current={current === 'editor' ? 'page' : undefined}>
        {t('Editor')}
      </Link>
      <Link to="/$org/$env/pipelines/$pipelineId/revisions" params={params} className={CLASS} aria-current={current === 'revisions' ? 'page' : undefined}>
        {t('Revisions')}
      </Link>
      <Link to="/$org/$env/rollouts" params={params} search={{ pipeline: pipelineId }} className={CLASS}>
        {t('Rollouts')}
      </Link>
    </nav>
  )
}
