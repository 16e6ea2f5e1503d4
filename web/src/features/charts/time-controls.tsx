import { ChevronLeft, ChevronRight, ZoomIn, ZoomOut } from 'lucide-react'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { Button, IconButton } from '@/ui/button'
import type { Range } from './range'
import { minutesOf } from './range'
import { RangeSelect } from './range-select'
import type { Zoom } from './zoom'
import { beside, closer, covering, SHORTEST_MS, wider } from './zoom'

/** What charts show (`shown`), of which whole, and the range to ask the server for. */
export function useShown(range: Range, zoom: Partial<Zoom>): { shown: Zoom; whole: Zoom; asked: Range } {
  const now = useNow(5000)
  const asked = covering(range, zoom.from, now)
  const whole = { from: now - minutesOf(asked) * 60_000, to: now }
  const { from, to } = zoom
  return { shown: from === undefined || to === undefined ? { from: now - minutesOf(range) * 60_000, to: now } : { from, to }, whole, asked }
}

type TimeControlsProps = { range: Range; zoom: Partial<Zoom>; onChange: (change: { range?: Range; from: number | undefined; to: number | undefined }) => void }

/** How far back charts go, and which part of it: what dragging over a chart does, for the keyboard. */
export function TimeControls({ range, zoom, onChange }: TimeControlsProps) {
  const { shown, whole } = useShown(range, zoom)
  const isZoomed = zoom.from !== undefined
  const go = (next: Zoom | undefined) => onChange({ from: next?.from, to: next?.to })
  return (
    <div role="group" aria-label={t('Time')} className="flex flex-wrap items-center gap-1">
      {isZoomed && (
        <>
          <Button onPress={() => go(undefined)}>{t('Whole range')}</Button>
          <IconButton label={t('Earlier')} onPress={() => go(beside(shown, -1, whole))}>
            <ChevronLeft aria-hidden size={15} />
          </IconButton>
          <IconButton label={t('Later')} onPress={() => go(beside(shown, 1, whole))}>
            <ChevronRight aria-hidden size={15} />
          </IconButton>
          <IconButton label={t('Zoom out')} onPress={() => go(wider(shown, whole))}>
            <ZoomOut aria-hidden size={15} />
          </IconButton>
        </>
      )}
      <IconButton label={t('Zoom in')} isDisabled={shown.to - shown.from <= SHORTEST_MS} onPress={() => go(closer(shown))}>
        <ZoomIn aria-hidden size={15} />
      </IconButton>
      <RangeSelect value={range} onChange={(next) => onChange({ range: next, from: undefined, to: undefined })} />
    </div>
  )
}
