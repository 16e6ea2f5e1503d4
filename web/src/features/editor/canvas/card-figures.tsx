import { CircleAlert, Gauge } from 'lucide-react'
import { useCallback } from 'react'
import type { ComponentRates } from '@/api/gen'
import type { Figure } from '@/features/live/rates-context'
import { LiveFigure, useRatesPart } from '@/features/live/rates-context'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { shortMessage } from '@/lib/shorten'
import { useCheck } from '../context'
import type { Kind } from '../graph/types'
import { busyWords, cardTime, errorWords } from './live-words'

/** How long events take here, or how full the buffer is; nothing where the engine does not say. */
export function CardTime({ id, kind }: { id: string; kind: Kind }) {
  const isTold = useRatesPart(id, (rates) => cardTime(kind, rates) !== null)
  if (!isTold) return null
  return <LiveFigure component={id} read={TIMES[kind]} data-card-time={id} className="shrink-0 text-[11px] text-secondary tabular-nums" />
}

const timeOf =
  (kind: Kind) =>
  (rates: ComponentRates | undefined): Figure => {
    const told = cardTime(kind, rates)
    return { text: told?.short ?? '', title: () => told?.words ?? '' }
  }
const TIMES: Record<Kind, ReturnType<typeof timeOf>> = { source: timeOf('source'), transform: timeOf('transform'), sink: timeOf('sink') }

/** What leaves a component by an output. */
export function PortRate({ id, port }: { id: string; port: string }) {
  return <Rate id={id} value={useCallback((rates: ComponentRates | undefined) => rates?.outputs[port]?.events_per_second, [port])} />
}

/** What comes into a component. */
export function ReceivedRate({ id }: { id: string }) {
  return <Rate id={id} value={received} />
}

const received = (rates: ComponentRates | undefined) => rates?.received_events_per_second

function Rate({ id, value }: { id: string; value: (rates: ComponentRates | undefined) => number | undefined }) {
  const isKnown = useRatesPart(id, (rates) => value(rates) !== undefined)
  const read = useCallback(
    (rates: ComponentRates | undefined) => {
      const rate = value(rates) ?? 0
      return { text: formatRate(rate), title: () => t('{n} events per second', { n: rate }) }
    },
    [value],
  )
  if (!isKnown) return null
  return (
    <LiveFigure component={id} read={read} className="shrink-0 text-text tabular-nums">
      <span className="text-[11px] text-secondary">/s</span>
    </LiveFigure>
  )
}

/** Whether a component holds its senders back, and what is wrong with it. */
export function LiveBadges({ id }: { id: string }) {
  return (
    <>
      <BusyMark id={id} />
      <FindingBadge id={id} errors={useRatesPart(id, errorWords)} />
    </>
  )
}

function BusyMark({ id }: { id: string }) {
  const words = useRatesPart(id, busyWords)
  if (words === '') return null
  return (
    <span role="img" aria-label={words} title={words} className="flex shrink-0 text-warn">
      <Gauge aria-hidden size={14} />
    </span>
  )
}

/** What the check finds wrong with a component, and with its errors in words if it fails while it runs. */
export function FindingBadge({ id, errors }: { id: string; errors: string }) {
  const findings = useCheck().result?.findings.filter((each) => each.component === id && each.severity !== 'note') ?? []
  const failing = errors !== ''
  if (findings.length === 0 && !failing) return null
  const isError = failing || findings.some((each) => each.severity === 'error')
  const words = [...findings.map((each) => shortMessage(each.message)), ...(failing ? [errors] : [])].join('\n')
  return (
    <span role="img" aria-label={words} title={words} className={`flex shrink-0 items-center gap-0.5 text-sm ${isError ? 'text-bad' : 'text-warn'}`}>
      <CircleAlert aria-hidden size={14} />
      {findings.length > 1 && findings.length}
    </span>
  )
}
