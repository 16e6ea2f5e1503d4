import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { GetSeriesData } from '@/api/gen'
import { getSeriesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import type { Range } from '@/features/charts/range'
import { minutesOf, refreshOf } from '@/features/charts/range'

export type Metric = NonNullable<NonNullable<GetSeriesData['query']>['metric']>

/** A series of a component, or of the whole pipeline without one; read again as long as it is shown. */
export function useSeries(pipelineId: string, metric: Metric, range: Range, component?: string) {
  const { org, env } = useScope()
  return useQuery({
    ...getSeriesOptions({ path: { org, env, id: pipelineId }, query: { metric, minutes: minutesOf(range), ...(component === undefined ? {} : { component }) } }),
    refetchInterval: refreshOf(range),
    placeholderData: keepPreviousData,
  })
}
