import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { HostPoint, NodeDetail } from '@/api/gen'
import { getHostSeriesOptions } from '@/api/gen/@tanstack/react-query.gen'
import type { ChartName } from '@/app/search'
import { useScope } from '@/app/scope'
import { Chart } from '@/features/charts/chart'
import { useIncidentMarks } from '@/features/charts/incident-marks'
import type { Range } from '@/features/charts/range'
import { minutesOf, refreshOf } from '@/features/charts/range'
import { TimeControls, useShown } from '@/features/charts/time-controls'
import type { Line, Unit } from '@/features/charts/series'
import { within, withGaps } from '@/features/charts/series'
import { zoomOf } from '@/features/charts/zoom'
import { t } from '@/lib/i18n'
import { Section } from '@/ui/page'
import { deployMarks } from './deploy-marks'

/** A machine's processor, memory, disk and network over time, as its agent measured them. */
export function MachineCharts({ node }: { node: NodeDetail }) {
  const { org, env } = useScope()
  const search = useSearch({ from: '/signed-in/$org/$env/nodes/$nodeId' })
  const { range = '1h' } = search
  const zoom = zoomOf(search)
  const navigate = useNavigate({ from: '/$org/$env/nodes/$nodeId' })
  const { shown, asked } = useShown(range, zoom)
  const marks = [...deployMarks(node), ...useIncidentMarks({ nodeId: node.id })]
  const query = useQuery({
    ...getHostSeriesOptions({ path: { org, env, id: node.id }, query: { minutes: minutesOf(asked) } }),
    refetchInterval: refreshOf(asked),
    placeholderData: keepPreviousData,
  })
  const set = (change: { range?: Range; from: number | undefined; to: number | undefined }) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const points = query.data?.points ?? []
  const line = (name: string, tone: Line['tone'], read: (point: HostPoint) => number | null): Line => ({
    name,
    tone,
    points: withGaps(points.map((point): [number, number | null] => [Date.parse(point.at), read(point)]), query.data?.bucket_seconds ?? 0),
  })
  const last = points.at(-1)
  const charts: { name: ChartName; title: string; unit: Unit; lines: Line[]; max?: number | undefined }[] = [
    { name: 'processor', title: t('Processor'), unit: 'percent', lines: [line(t('Busy'), 'transform', (point) => point.cpu_percent)], max: 100 },
    { name: 'memory', title: t('Memory'), unit: 'bytes', lines: [line(t('Used'), 'transform', (point) => point.memory_used_bytes)], max: last?.memory_total_bytes },
    { name: 'disk', title: t('Disk of the agent'), unit: 'bytes', lines: [line(t('Used'), 'transform', (point) => point.disk_used_bytes)], max: last?.disk_total_bytes },
    {
      name: 'network',
      title: t('Network, all interfaces'),
      unit: 'bytes_per_second',
      lines: [line(t('Received'), 'source', (point) => point.received_bytes_per_second), line(t('Sent'), 'sink', (point) => point.sent_bytes_per_second)],
    },
  ]
  return (
    <Section title={t('Machine over time')} aside={<TimeControls range={range} zoom={zoom} onChange={set} />}>
      <div className="grid gap-x-10 gap-y-6 xl:grid-cols-2">
        {charts.map((chart) => (
          <Chart key={chart.name} {...chart} group="machine" {...shown} marks={within(marks, shown)} onZoom={set} height={130} isPending={query.isPending} error={query.error} empty={t('The agent has told nothing of its machine in this time.')} />
        ))}
      </div>
    </Section>
  )
}
