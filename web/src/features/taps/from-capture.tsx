import { useMutation, useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { getCapture } from '@/api/gen'
import { listCapturesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'

const MOST = 100

/** Takes the events of one of this pipeline's captures; the log tells who did. Nothing without captures. */
export function FromCapture({ onEvents }: { onEvents: (events: unknown[]) => void }) {
  const { org, env } = useScope()
  const { pipelineId = '' } = useParams({ strict: false })
  const mayTap = useCan()('tap.use')
  const query = { pipeline: pipelineId, limit: 50 }
  const captures = useQuery({ ...listCapturesOptions({ path: { org, env }, query }), enabled: mayTap && pipelineId !== '' }).data?.items ?? []
  const take = useMutation({
    mutationFn: async (id: string) => (await getCapture({ path: { org, env, id }, throwOnError: true })).data,
    onSuccess: ({ items }) => onEvents(items.slice(0, MOST).map((each) => each.event)),
  })
  if (captures.length === 0) return null
  return (
    <>
      <Select
        label={t('Events of a capture')}
        value={null}
        isDisabled={take.isPending}
        placeholder={t('Choose a capture')}
        choices={captures.map(({ id, name, component }) => ({ id, label: name, hint: component }))}
        onChange={(id) => take.mutate(id)}
      />
      {take.error !== null && <InlineError error={take.error} />}
    </>
  )
}
