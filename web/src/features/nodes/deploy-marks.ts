import type { NodeDetail } from '@/api/gen'
import type { Mark } from '@/features/charts/series'
import { t } from '@/lib/i18n'

/** When a node began to run another revision, by its own newest reports. */
export function deployMarks({ reports, assignments }: Pick<NodeDetail, 'reports' | 'assignments'>): Mark[] {
  const names = new Map(assignments.map(({ pipeline }) => [pipeline.id, pipeline.name]))
  const running = new Map<string, number>()
  const made: Mark[] = []
  for (const { kind, at, pipeline_id: pipeline, revision } of [...reports].sort((one, other) => one.at.localeCompare(other.at))) {
    // Applied again with the same revision, after a new secret say, is no deployment.
    if (kind !== 'applied' || pipeline == null || running.get(pipeline) === revision) continue
    running.set(pipeline, revision)
    const name = names.get(pipeline)
    made.push({ at: Date.parse(at), label: name === undefined ? t('revision {n}', { n: revision }) : t('revision {n}, {name}', { name, n: revision }) })
  }
  return made
}
