import { LineChart as Lines } from 'echarts/charts'
import { AxisPointerComponent, GridComponent, MarkLineComponent, TooltipComponent } from 'echarts/components'
import { connect, init, use as add } from 'echarts/core'
import type { ECharts } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'
import type { PointerEvent } from 'react'
import { useEffect, useRef, useState } from 'react'
import { useTheme } from '@/app/theme'
import { formatTime } from '@/lib/format'
import { useTimeZone } from '@/lib/time-zone'
import { optionsOf } from './options'
import type { Line, Mark, Unit } from './series'
import type { Zoom } from './zoom'
import { between } from './zoom'

add([Lines, GridComponent, TooltipComponent, AxisPointerComponent, MarkLineComponent, CanvasRenderer])

export type LineChartProps = { lines: Line[]; unit: Unit; group: string; from: number; to: number; marks?: Mark[]; max?: number | undefined; height?: number; /** Called with the part of time that was dragged over. */ onZoom?: (zoom: Zoom) => void }

/** Lines over time on a canvas. Charts of one group share their cursor. For readers there is a table beside it. */
export default function LineChart({ lines, unit, group, from, to, marks = [], max, height = 160, onZoom }: LineChartProps) {
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
    chart.current?.setOption(optionsOf({ lines, unit, from, to, marks, height, max, at: place.current, time: (at) => formatTime(new Date(at).toISOString()) }), { notMerge: true })
    // The colours are read anew when the theme changes, and the words when the zone does.
  }, [lines, unit, group, from, to, marks, height, max, theme, system, zone])
  const drag = useDrag((one, other) => {
    const [start, end] = [one, other].map((x) => Number(chart.current?.convertFromPixel({ xAxisIndex: 0 }, x)))
    if (start !== undefined && end !== undefined && !Number.isNaN(start + end)) onZoom?.(between(inside(start, from, to), inside(end, from, to)))
  })
  return (
    // For the keyboard there are buttons beside the range.
    <div role="presentation" aria-hidden className="relative select-none" {...(onZoom === undefined ? {} : drag.handlers)}>
      <div ref={place} style={{ height }} className="w-full" />
      {drag.box !== null && <div className="pointer-events-none absolute inset-y-0 bg-focus/20" style={drag.box} />}
    </div>
  )
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

const SHORTEST_DRAG_PX = 8

function inside(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}

/** Dragging sideways with a mouse or a pen; a finger scrolls the page. */
function useDrag(onDragged: (from: number, to: number) => void) {
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null)
  const at = (event: PointerEvent) => event.clientX - event.currentTarget.getBoundingClientRect().left
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      if (event.pointerType === 'touch' || event.button !== 0) return
      event.currentTarget.setPointerCapture(event.pointerId)
      setDrag({ from: at(event), to: at(event) })
    },
    onPointerMove: (event: PointerEvent) => {
      if (drag !== null) setDrag({ from: drag.from, to: at(event) })
    },
    onPointerUp: (event: PointerEvent) => {
      if (drag !== null && Math.abs(at(event) - drag.from) >= SHORTEST_DRAG_PX) onDragged(drag.from, at(event))
      setDrag(null)
    },
    onPointerCancel: () => setDrag(null),
  }
  return { handlers, box: drag === null ? null : { left: Math.min(drag.from, drag.to), width: Math.abs(drag.to - drag.from) } }
}
