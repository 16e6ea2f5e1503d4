import { LineChart as Lines } from 'echarts/charts'
import { AxisPointerComponent, GridComponent, MarkLineComponent, TooltipComponent } from 'echarts/components'
import { connect, init, use as add } from 'echarts/core'
import type { ECharts } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import { useEffect, useRef, useState } from 'react'
import { useTheme } from '@/app/theme'
import { formatTime } from '@/lib/format'
import { useTimeZone } from '@/lib/time-zone'
import { optionsOf } from './options'
import type { Line, Mark, Unit } from './series'

add([Lines, GridComponent, TooltipComponent, AxisPointerComponent, MarkLineComponent, CanvasRenderer])

export type LineChartProps = { lines: Line[]; unit: Unit; group: string; from: number; to: number; marks?: Mark[]; max?: number | undefined; height?: number }

/** Lines over time on a canvas. Charts of one group share their cursor. For readers there is a table beside it. */
export default function LineChart({ lines, unit, group, from, to, marks = [], max, height = 160 }: LineChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<ECharts>(undefined)
  const theme = useTheme()
  const system = useSystemTheme()
  const zone = useTimeZone()
  useEffect(() => {
    if (place.current === null) return undefined
    const made = init(place.current)
    made.group = group
    connect(group)
    chart.current = made
    const observer = new ResizeObserver(() => made.resize())
    observer.observe(place.current)
    return () => {
      observer.disconnect()
      made.dispose()
      chart.current = undefined
    }
  }, [group])
  useEffect(() => {
    if (place.current === null) return
    chart.current?.setOption(optionsOf({ lines, unit, from, to, marks, max, at: place.current, time: (at) => formatTime(new Date(at).toISOString()) }), { notMerge: true })
    // The colours are read anew when the theme changes, and the words when the zone does.
  }, [lines, unit, group, from, to, marks, max, theme, system, zone])
  return <div ref={place} aria-hidden style={{ height }} className="w-full" />
}

function useSystemTheme(): boolean {
  const [query] = useState(() => matchMedia('(prefers-color-scheme: dark)'))
  const [isDark, setDark] = useState(query.matches)
  useEffect(() => {
    const changed = () => setDark(query.matches)
    query.addEventListener('change', changed)
    return () => query.removeEventListener('change', changed)
  }, [query])
  return isDark
}
