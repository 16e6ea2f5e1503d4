import { useComponentRates, useStaleSeconds } from '@/features/live/rates-context'
import { bufferFill, timingWords } from '@/features/live/times'
import { formatCount, formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { StaleNote } from '@/ui/states'

/** What the nodes measured at a component; nothing when nothing was measured. */
export function ComponentRatesView({ id }: { id: string }) {
  const rates = useComponentRates(id)
  const stale = useStaleSeconds()
  if (rates === undefined) return null
  const items: [string, string, string][] = [
    [t('In'), `${formatRate(rates.received_events_per_second)}/s`, ''],
    [t('Out'), `${formatRate(rates.sent_events_per_second)}/s`, ''],
    [t('Errors'), `${formatRate(rates.errors_per_second)}/s`, rates.errors_per_second > 0 ? 'text-bad' : ''],
    [t('Discarded'), `${formatRate(rates.discarded_per_second)}/s`, ''],
    [t('Received'), formatCount(rates.received_events_total), ''],
  ]
  if (rates.utilization !== null) items.push([t('Busy'), `${Math.round(rates.utilization * 100)} %`, ''])
  const times: [string, string][] = []
  if (rates.latency !== null) times.push([t('Latency with its queue'), timingWords(rates.latency)])
  if (rates.lag !== null) times.push([t('Age of events when they come in'), timingWords(rates.lag)])
  if (rates.wait !== null) times.push([t('Wait to get into the buffer'), timingWords(rates.wait)])
  const fill = bufferFill(rates)
  if (fill !== null) times.push([t('Buffer'), fill.words])
  return (
    <div className="flex flex-col gap-1.5">
      <dl className="flex flex-wrap gap-x-5 gap-y-1">
        {items.map(([name, value, tone]) => (
          <div key={name}>
            <dt className="text-sm text-secondary">{name}</dt>
            <dd className={`font-medium tabular-nums ${tone}`}>{value}</dd>
          </div>
        ))}
      </dl>
      {times.length > 0 && (
        <dl className="flex flex-col gap-1">
          {times.map(([name, words]) => (
            <div key={name}>
              <dt className="text-sm text-secondary">{name}</dt>
              <dd className="tabular-nums">{words}</dd>
            </div>
          ))}
        </dl>
      )}
      <div>
        <StaleNote seconds={stale} />
      </div>
    </div>
  )
}
