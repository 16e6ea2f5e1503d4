import type { EChartsCoreOption } from 'echarts/core'
import { timeZone } from '@/lib/time-zone'
import { tokenColor } from './colors'
import type { Line, Mark, Unit } from './series'
import { formatValue } from './series'

type Wanted = { lines: Line[]; unit: Unit; from: number; to: number; marks: Mark[]; height: number; max: number | undefined; at: Element; time: (at: number) => string }
type Hovered = { axisValue: number; seriesName: string; color: string; value: [number, number | null] }

const DAY_MS = 86_400_000
const FONT = { fontFamily: 'Inter Variable, sans-serif', fontSize: 11 }

/** What the chart library is told: thin lines, a light grid, units on the axis, gaps as gaps. */
export function optionsOf({ lines, unit, from, to, marks, height, max, at, time }: Wanted): EChartsCoreOption {
  const color = (token: string) => tokenColor(token, at)
  const label = { ...FONT, color: color('secondary') }
  return {
    animation: false,
    useUTC: timeZone() === 'utc',
    grid: { left: 8, right: 12, top: 14, bottom: 4, containLabel: true },
    xAxis: {
      type: 'time',
      min: from,
      max: to,
      axisLine: { lineStyle: { color: color('line') } },
      axisTick: { show: false },
      axisLabel: { ...label, hideOverlap: true, formatter: to - from > DAY_MS ? '{d} {MMM} {HH}:{mm}' : '{HH}:{mm}' },
      splitNumber: 4,
    },
    yAxis: {
      type: 'value',
      min: 0,
      ...(max === undefined ? {} : { max, interval: max / 4 }),
      splitNumber: 3,
      // Bytes are not divided: a line at nothing would stand among labels that are rounded to the same.
      ...(unit.startsWith('bytes') ? { minInterval: 1 } : {}),
      axisLabel: { ...label, formatter: (value: number) => formatValue(value, unit) },
      splitLine: { lineStyle: { color: color('line') } },
    },
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: color('raised'),
      borderColor: color('line'),
      textStyle: { ...FONT, fontSize: 12, color: color('text') },
      axisPointer: { lineStyle: { color: color('control') } },
      formatter: (hovered: Hovered | Hovered[]) => hoverOf([hovered].flat(), unit, time),
    },
    series: lines.map((line, index) => ({
      type: 'line',
      name: line.name,
      data: line.points,
      showSymbol: line.points.length < 3,
      symbolSize: 4,
      connectNulls: false,
      lineStyle: { width: 1.5 },
      color: color(line.tone),
      ...(index === 0 && marks.length > 0 ? { markLine: markLines(marks, height, color, label) } : {}),
    })),
  }
}

function markLines(marks: Mark[], height: number, color: (token: string) => string, label: object): object {
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { color: color('control'), type: 'dashed', width: 1 },
    // It stands upright in the plot, which is lower than the chart by its axis.
    label: { ...label, width: height - 50, overflow: 'truncate', formatter: (mark: { name: string }) => mark.name, position: 'insideEndTop' },
    data: marks.map(({ at, label: name, tone }) => ({ name, xAxis: at, ...(tone === undefined ? {} : { lineStyle: { color: color(tone) }, label: { ...label, width: height - 50, overflow: 'truncate', color: color(tone) } }) })),
  }
}

/** All lines at a moment, as elements: what components are called is text and nothing else. */
function hoverOf(hovered: Hovered[], unit: Unit, time: (at: number) => string): HTMLElement {
  const made = document.createElement('div')
  const first = hovered[0]
  if (first === undefined) return made
  made.append(Object.assign(document.createElement('div'), { textContent: time(first.axisValue) }))
  for (const each of hovered) {
    const [, value] = each.value
    const row = document.createElement('div')
    const dot = document.createElement('span')
    dot.style.cssText = `display:inline-block;width:8px;height:8px;border-radius:4px;margin-right:6px;background:${each.color}`
    row.append(dot, `${each.seriesName}: ${value === null ? '–' : formatValue(value, unit)}`)
    made.append(row)
  }
  return made
}
