import { lazy, Suspense } from 'react'
import type { ChartName } from '@/app/search'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { InlineError } from '@/ui/states'
import { Table } from '@/ui/table'
import { useAsTable } from './as-table'
import type { LineChartProps } from './line-chart'
import type { Line, Row } from './series'
import { formatValue, tableOf } from './series'

const LineChart = lazy(() => import('./line-chart'))
const SWATCHES: Record<Line['tone'], string> = {
  source: 'bg-source',
  transform: 'bg-transform',
  sink: 'bg-sink',
  bad: 'bg-bad',
  warn: 'bg-warn',
  good: 'bg-good',
  unknown: 'bg-unknown',
}

type ChartProps = LineChartProps & { name: ChartName; title: string; isPending: boolean; error: unknown; /** What stands there when nothing was measured. */ empty: string }

/** A chart with its name, its lines' names and newest values, and the same as a table. */
export function Chart({ name, title, isPending, error, empty, ...chart }: ChartProps) {
  const [asTable, setAsTable] = useAsTable(name)
  const isShown = ({ at }: { at: number }) => at >= chart.from && at <= chart.to
  const rows = tableOf(chart.lines, chart.marks ?? []).filter(isShown)
  const isMeasured = rows.some(({ values }) => values.some((value) => value !== null))
  return (
    <figure aria-label={title} className="min-w-0">
      <figcaption className="flex min-h-7 flex-wrap items-center gap-x-4 gap-y-1">
        <span className="font-medium max-sm:flex-1">{title}</span>
        <ul className="flex min-w-0 flex-1 flex-wrap gap-x-3 text-sm text-secondary max-sm:order-last max-sm:basis-full">
          {isMeasured &&
            chart.lines.map((line) => (
              <li key={line.name} className="flex items-center gap-1.5 whitespace-nowrap">
                <span aria-hidden className={`size-2 rounded-full ${SWATCHES[line.tone]}`} />
                {line.name} <span className="text-text tabular-nums">{newest(line, chart.unit)}</span>
              </li>
            ))}
        </ul>
        {isMeasured && (
          <Button aria-pressed={asTable} onPress={() => setAsTable(!asTable)}>
            {asTable ? t('As a chart') : t('As a table')}
          </Button>
        )}
      </figcaption>
      {error != null && <InlineError error={error} />}
      <Content {...chart} empty={isPending ? t('Loading') : empty} title={title} rows={isMeasured ? rows : []} asTable={asTable} />
    </figure>
  )
}

type ContentProps = LineChartProps & { title: string; empty: string; rows: Row[]; asTable: boolean }

function Content({ title, empty, rows, asTable, ...chart }: ContentProps) {
  const height = chart.height ?? 160
  if (rows.length === 0) {
    return (
      <p className="flex items-center justify-center rounded-md bg-sunken text-center text-secondary" style={{ height }}>
        {empty}
      </p>
    )
  }
  if (!asTable) {
    return (
      <Suspense fallback={<div style={{ height }} />}>
        <LineChart {...chart} />
      </Suspense>
    )
  }
  const columns = [
    { key: 'at', title: t('From'), render: (row: Row) => formatTime(new Date(row.at).toISOString()) },
    ...chart.lines.map((line, index) => ({
      key: line.name,
      title: line.name,
      align: 'right' as const,
      render: (row: Row) => {
        const value = row.values[index] ?? null
        return value === null ? '–' : formatValue(value, chart.unit)
      },
    })),
    ...(rows.some(({ marks }) => marks.length > 0)
      ? [{ key: 'marks', title: t('Happened'), render: ({ marks }: Row) => <span className="[overflow-wrap:anywhere]">{marks.join(', ')}</span> }]
      : []),
  ]
  return (
    <div className="max-h-80 overflow-auto" tabIndex={0} role="region" aria-label={t('{title} as a table', { title })}>
      <Table label={title} columns={columns} rows={rows} rowKey={(row) => String(row.at)} />
    </div>
  )
}

function newest(line: Line, unit: LineChartProps['unit']): string {
  const last = line.points.findLast(([, value]) => value !== null)
  return last?.[1] == null ? '–' : formatValue(last[1], unit)
}
