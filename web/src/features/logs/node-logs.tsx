import { Link } from '@tanstack/react-router'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { InlineError, LoadingState } from '@/ui/states'
import { LogLines } from './log-lines'
import { useLogLines } from './use-log-lines'

/** The newest lines of a node, as they arrive, and the way to all of them. */
export function NodeLogs({ nodeId }: { nodeId: string }) {
  const { org, env } = useScope()
  const list = useLogLines({ node: nodeId, limit: 12 }, true)
  if (list.isPending) return <LoadingState rows={3} />
  if (list.error !== null && list.items.length === 0) return <InlineError error={list.error} />
  if (list.items.length === 0) {
    return <p className="text-secondary">{t('It has sent no line. Nodes send warnings and errors; a lower log level, above, sends more for a while.')}</p>
  }
  return (
    <>
      <LogLines lines={list.items.slice(0, 12)} hideNode />
      <Link to="/$org/$env/logs" params={{ org, env }} search={{ node: nodeId }} className="mt-2 inline-block underline">
        {t('All its lines')}
      </Link>
    </>
  )
}
