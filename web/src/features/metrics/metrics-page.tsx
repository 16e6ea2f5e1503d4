import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { getPipelineOptions, getRatesOptions, listRolloutsOptions } from '@/api/gen/@tanstack/react-query.gen'
import type { ChartName } from '@/app/search'
import { useCan, useScope } from '@/app/scope'
import { Chart } from '@/features/charts/chart'
import { useIncidentMarks } from '@/features/charts/incident-marks'
import type { Range } from '@/features/charts/range'
import { refreshOf } from '@/features/charts/range'
import { TimeControls, useShown } from '@/features/charts/time-controls'
import type { Line, Mark, Unit } from '@/features/charts/series'
import { lineOf, within } from '@/features/charts/series'
import type { Zoom } from '@/features/charts/zoom'
import { zoomOf } from '@/features/charts/zoom'
import { PipelineTabs } from '@/features/pipelines/pipeline-tabs'
import { t } from '@/lib/i18n'
import { Page, Section } from '@/ui/page'
import { Select } from '@/ui/select'
import { ErrorState, LoadingState, StaleNote } from '@/ui/states'
import type { Metric } from './use-series'
import { useSeries } from './use-series'

const GROUP = 'pipeline'

/** What a pipeline and one of its components did over time: events, errors, times, how busy and how full. */
export function MetricsPage() {
  const { org, env } = useScope()
  const { pipelineId } = useParams({ from: '/signed-in/$org/$env/pipelines/$pipelineId/metrics' })
  const search = useSearch({ from: '/signed-in/$org/$env/pipelines/$pipelineId/metrics' })
  const { range = '1h', component } = search
  const zoom = zoomOf(search)
  const navigate = useNavigate({ from: '/$org/$env/pipelines/$pipelineId/metrics' })
  const path = { org, env, id: pipelineId }
  const pipeline = useQuery(getPipelineOptions({ path }))
  const rates = useQuery({ ...getRatesOptions({ path }), refetchInterval: refreshOf(range) })
  const set: SetTime = (change) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const time = { range, zoom, onZoom: set }
  const known = Object.keys(rates.data?.components ?? {}).sort()
  return (
    <Page
      title={pipeline.data?.name ?? t('Metrics')}
      subtitle={<StaleNote seconds={rates.data?.stale_seconds} />}
      actions={
        <>
          <TimeControls range={range} zoom={zoom} onChange={set} />
          <PipelineTabs pipelineId={pipelineId} />
        </>
      }
    >
      {pipeline.error !== null && <ErrorState error={pipeline.error} onRetry={() => void pipeline.refetch()} />}
      {pipeline.isPending && <LoadingState />}
      {pipeline.isSuccess && (
        <>
          <Section title={t('The whole pipeline, over all nodes')}>
            <Charts pipelineId={pipelineId} time={time} wanted={eventCharts()} />
          </Section>
          <Section
            title={t('One component')}
            aside={
              known.length > 0 && (
                <Select
                  label={t('Component')}
                  hideLabel
                  mono
                  className="w-56"
                  placeholder={t('Choose a component')}
                  value={component ?? null}
                  choices={known.map((id) => ({ id, label: id }))}
                  onChange={(id) => void navigate({ search: (before) => ({ ...before, component: id }), replace: true })}
                />
              )
            }
          >
            {component === undefined ? (
              <p className="text-secondary">{known.length > 0 ? t('Choose a component to see its times, how busy it is and how full its buffer.') : t('No node has told of its components yet. Deploy the pipeline first.')}</p>
            ) : (
              <Charts key={component} pipelineId={pipelineId} time={time} wanted={componentCharts()} component={component} />
            )}
          </Section>
        </>
      )}
    </Page>
  )
}

type SetTime = (change: { range?: Range; from: number | undefined; to: number | undefined }) => void
type Time = { range: Range; zoom: Partial<Zoom>; onZoom: (zoom: Zoom) => void }
type WantedLine = { metric: Metric; name: string; tone: Line['tone'] }
type WantedChart = { name: ChartName; title: string; unit: Unit; lines: [WantedLine, ...WantedLine[]]; empty: string; max?: number }

function eventCharts([events, errors]: [ChartName, ChartName] = ['events', 'errors']): WantedChart[] {
  const empty = t('Nothing was measured in this time.')
  return [
    {
      name: events,
      title: t('Events'),
      unit: 'events_per_second',
      lines: [
        { metric: 'received', name: t('Received'), tone: 'source' },
        { metric: 'sent', name: t('Sent'), tone: 'sink' },
      ],
      empty,
    },
    {
      name: errors,
      title: t('Errors and discarded events'),
      unit: 'events_per_second',
      lines: [
        { metric: 'errors', name: t('Errors'), tone: 'bad' },
        { metric: 'discarded', name: t('Discarded'), tone: 'warn' },
      ],
      empty,
    },
  ]
}

function componentCharts(): WantedChart[] {
  return [
    ...eventCharts(['component-events', 'component-errors']),
    {
      name: 'times',
      title: t('Time of an event, on average'),
      unit: 'seconds',
      lines: [
        { metric: 'latency', name: t('Latency with its queue'), tone: 'transform' },
        { metric: 'lag', name: t('Age when it came in'), tone: 'source' },
        { metric: 'wait', name: t('Wait for the buffer'), tone: 'sink' },
      ],
      empty: t('The engine does not report times of this component.'),
    },
    {
      name: 'busy',
      title: t('Busy, and the fullest buffer'),
      unit: 'share',
      lines: [
        { metric: 'utilization', name: t('Busy'), tone: 'transform' },
        { metric: 'buffer', name: t('Buffer'), tone: 'sink' },
      ],
      empty: t('The engine does not report how busy this component is.'),
      max: 1,
    },
  ]
}

function Charts({ pipelineId, time, wanted, component }: { pipelineId: string; time: Time; wanted: WantedChart[]; component?: string }) {
  const marks = [...useDeployMarks(pipelineId), ...useIncidentMarks({ pipelineId })]
  return (
    <div className="grid gap-x-10 gap-y-6 lg:grid-cols-2">
      {wanted.map((chart) => (
        <SeriesChart key={chart.name} pipelineId={pipelineId} time={time} chart={chart} component={component} marks={marks} />
      ))}
    </div>
  )
}

type SeriesChartProps = { pipelineId: string; time: Time; chart: WantedChart; component: string | undefined; marks: Mark[] }

function SeriesChart({ pipelineId, time, chart, component, marks }: SeriesChartProps) {
  const { shown: part, asked: range } = useShown(time.range, time.zoom)
  const [first, second = first, third = first] = chart.lines
  // A chart has one to three lines; the same series asked for twice is asked of the server once.
  const asked = [
    useSeries(pipelineId, first.metric, range, component),
    useSeries(pipelineId, second.metric, range, component),
    useSeries(pipelineId, third.metric, range, component),
  ].slice(0, chart.lines.length)
  const lines = chart.lines.map((line, index) => lineOf(line.name, line.tone, asked[index]?.data))
  // Of times and shares a component has those of its kind; the others are no empty lines.
  const shown = chart.unit === 'events_per_second' ? lines : lines.filter((line) => line.points.length > 0)
  return (
    <Chart
      name={chart.name}
      title={chart.title}
      unit={chart.unit}
      lines={shown}
      group={GROUP}
      {...part}
      marks={within(marks, part)}
      onZoom={time.onZoom}
      max={chart.max}
      isPending={asked.some((each) => each.isPending)}
      error={asked.find((each) => each.error !== null)?.error ?? null}
      empty={chart.empty}
    />
  )
}

/** When revisions of the pipeline were deployed. */
function useDeployMarks(pipelineId: string): Mark[] {
  const { org, env } = useScope()
  const can = useCan()
  const query = useQuery({ ...listRolloutsOptions({ path: { org, env }, query: { pipeline: pipelineId, limit: 50 } }), enabled: can('rollout.read') })
  const items = query.data?.items
  return useMemo(() => (items ?? []).map((each) => ({ at: Date.parse(each.created_at), label: t('revision {n}', { n: each.revision }) })), [items])
}
