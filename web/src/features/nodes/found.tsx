import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { FoundVector } from '@/api/gen'
import { listFoundVectorsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { givenBy } from '@/features/importing/from-node'
import { formatAge } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { buttonClass } from '@/ui/button'
import { CodeBlock } from '@/ui/code'
import { Facts, Section } from '@/ui/page'

const REFRESH_MS = 10000

/** Vectors on the node that the agent does not manage: what they are, and the two steps to take one over. */
export function FoundVectors({ nodeId }: { nodeId: string }) {
  const { org, env } = useScope()
  const can = useCan()
  const now = useNow(5000)
  const query = useQuery({ ...listFoundVectorsOptions({ path: { org, env, id: nodeId } }), refetchInterval: REFRESH_MS })
  const found = query.data
  if (found === undefined || found.vectors.length === 0) return null
  return (
    <Section
      title={t('Vectors found here that are not managed')}
      aside={<span className="text-sm text-secondary">{found.at === null ? '' : formatAge(found.at, now)}</span>}
    >
      <ul className="flex flex-col gap-6">
        {found.vectors.map((vector) => (
          <li key={vector.id} className="flex flex-col gap-3">
            <div className="flex flex-wrap items-center gap-3">
              <h3 className="min-w-0 flex-1 font-semibold [overflow-wrap:anywhere]">{vector.id}</h3>
              {can('pipeline.edit') && givenBy(vector) !== undefined && (
                <Link to="/$org/$env/import" params={{ org, env }} search={{ node: nodeId, vector: vector.id }} className={buttonClass()}>
                  {t('Import as pipeline')}
                </Link>
              )}
            </div>
            <Facts items={factsOf(vector)} />
            {vector.remarks !== undefined && vector.remarks.length > 0 && (
              <ul className="rounded-md bg-warn-tint px-3 py-2 text-warn">
                {vector.remarks.map((remark) => (
                  <li key={remark.message}>{remark.blocks === true ? t('Blocks: {message}', { message: remark.message }) : remark.message}</li>
                ))}
              </ul>
            )}
            <p className="text-secondary">
              {givenBy(vector) === undefined
                ? t('Its configuration was not sent. Import its files by hand, run this on the node, then deploy the pipeline to it.')
                : t('Import it, give its secrets their values, run this on the node, then deploy the pipeline to it.')}
            </p>
            <CodeBlock label={t('Command to take it over')} text={commandOf(vector)} />
          </li>
        ))}
      </ul>
    </Section>
  )
}

function commandOf(vector: FoundVector): string {
  const which = vector.unit === true ? `--unit ${vector.id}` : `--pid ${String(vector.pid ?? 0)}`
  return `vectorflow-agent adopt take-over ${which} --pipeline NAME`
}

function factsOf(vector: FoundVector): [string, string][] {
  const running = (vector.pid ?? 0) > 0 ? t('process {pid}', { pid: String(vector.pid) }) : t('not running')
  const items: [string, string][] = [
    [t('Runs'), vector.user === undefined ? running : t('{what} as {user}', { what: running, user: vector.user })],
    [t('Version'), vector.version ?? '–'],
    [t('Data folder'), vector.data_dir ?? '–'],
    [t('Files'), (vector.files ?? []).map((file) => (file.problem === undefined ? file.path : `${file.path} (${file.problem})`)).join(', ')],
  ]
  for (const [section, members] of Object.entries(vector.components ?? {})) {
    items.push([section, Object.entries(members).map(([name, kind]) => `${name} (${kind})`).join(', ')])
  }
  const listens = Object.entries(vector.addresses ?? {}).map(([name, address]) => `${name} ${address}`)
  if (listens.length > 0) items.push([t('Listens'), listens.join(', ')])
  if (vector.environment !== undefined && vector.environment.length > 0) items.push([t('Environment'), vector.environment.join(', ')])
  return items
}
