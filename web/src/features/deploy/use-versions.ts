import { useQuery } from '@tanstack/react-query'
import { checkDocument, getDiff, getPipeline, getRevision } from '@/api/gen'
import { useScope } from '@/app/scope'

type Scope = { org: string; env: string }

async function yamlOf(scope: Scope, id: string, version: string): Promise<string> {
  if (version === 'draft') {
    const { data: pipeline } = await getPipeline({ path: { ...scope, id }, throwOnError: true })
    const { data } = await checkDocument({ path: scope, body: { document: pipeline.document }, throwOnError: true })
    return data.yaml ?? ''
  }
  const { data } = await getRevision({ path: { ...scope, id, number: Number(version) }, throwOnError: true })
  return data.yaml
}

/** Two versions of a pipeline (`draft` or a revision's number) as YAML, and the difference in meaning. */
export function useVersions(pipelineId: string, from: string, to: string) {
  const { org, env } = useScope()
  return useQuery({
    queryKey: ['versions', org, env, pipelineId, from, to],
    staleTime: 0,
    queryFn: async () => {
      const scope = { org, env }
      const [before, after, diff] = await Promise.all([
        yamlOf(scope, pipelineId, from),
        yamlOf(scope, pipelineId, to),
        getDiff({ path: { ...scope, id: pipelineId }, query: { from, to }, throwOnError: true }),
      ])
      return { before, after, diff: diff.data }
    },
  })
}
