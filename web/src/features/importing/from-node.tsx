import { useQuery } from '@tanstack/react-query'
import type { FoundVector } from '@/api/gen'
import { listFoundVectorsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'
import type { Given } from './read-files'

/** Its files as the import takes them; nothing when the node did not send them. */
export function givenBy(vector: FoundVector): Given | undefined {
  const files = Object.fromEntries((vector.files ?? []).filter((file) => file.text !== undefined).map((file) => [file.path, file.text ?? '']))
  if (Object.keys(files).length === 0) return undefined
  return { files, isDirectory: vector.directory ?? false, interpolates: vector.interpolates ?? false }
}

type NodeFilesProps = { node: string; vector: string; isPending: boolean; error: unknown; onRead: (source: Given) => void }

/** The files of a Vector that a node has sent, in place of what a person would paste. */
export function NodeFiles({ node, vector, isPending, error, onRead }: NodeFilesProps) {
  const { org, env } = useScope()
  const query = useQuery(listFoundVectorsOptions({ path: { org, env, id: node } }))
  if (query.data === undefined) {
    return query.error !== null ? <ErrorState error={query.error} onRetry={() => void query.refetch()} /> : <LoadingState />
  }
  const found = query.data.vectors.find((each) => each.id === vector)
  const given = found === undefined ? undefined : givenBy(found)
  if (given === undefined) {
    return <EmptyState title={t('The node sent no files of it')}>{t('Run vectorflow-agent adopt observe --send on the node again, or import its files by hand.')}</EmptyState>
  }
  return (
    <div className="flex flex-col gap-3">
      <p className="text-secondary">{t('These files were sent by the node, without secrets. Reading them changes nothing.')}</p>
      <ul className="font-mono text-sm">
        {Object.keys(given.files).map((name) => (
          <li key={name} className="[overflow-wrap:anywhere]">
            {name}
          </li>
        ))}
      </ul>
      {error !== null && <InlineError error={error} />}
      <Button variant="primary" className="self-start" isDisabled={isPending} onPress={() => onRead(given)}>
        {isPending ? t('Reading…') : t('Read')}
      </Button>
    </div>
  )
}
