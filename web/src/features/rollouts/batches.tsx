import type { Rollout, RolloutBatch, RolloutCounts, RolloutNode } from '@/api/gen'
import { t } from '@/lib/i18n'
import { Section } from '@/ui/page'
import { countLabel, isTrouble, nodeCount } from './states'

// What stands out of the bar is what was done and what went wrong; who waits leaves it empty.
const COLORS: Partial<Record<RolloutNode['state'], string>> = {
  applied: 'bg-good',
  refused: 'bg-bad',
  crashed: 'bg-bad',
  silent: 'bg-bad',
  assigned: 'bg-transform',
  kept: 'bg-unknown',
}
const IN_ORDER = ['applied', 'refused', 'crashed', 'silent', 'assigned', 'kept', 'waiting'] as const

/** How far each batch is, in words and as a bar; of a single node that would say nothing more. */
export function Batches({ rollout }: { rollout: Rollout }) {
  if (nodeCount(rollout.counts) < 2) return null
  return (
    <Section title={t('Batches')}>
      <ul>
        {rollout.batches.map((batch) => (
          <Batch key={batch.batch} batch={batch} />
        ))}
      </ul>
    </Section>
  )
}

function Batch({ batch }: { batch: RolloutBatch }) {
  const { counts } = batch
  return (
    <li className="grid grid-cols-[5rem_1fr] items-center gap-x-4 gap-y-1 border-b py-2 tabular-nums first:border-t sm:grid-cols-[5rem_12rem_1fr]">
      <span className="font-medium">{t('Batch {n}', { n: batch.batch })}</span>
      <Bar counts={counts} />
      <span className="flex flex-wrap gap-x-4 max-sm:col-span-2">
        <span className="text-secondary sm:min-w-20">{t('{n, plural, one {# node} other {# nodes}}', { n: nodeCount(counts) })}</span>
        {IN_ORDER.filter((state) => counts[state] > 0).map((state) => (
          <span key={state} className={isTrouble(state) ? 'font-medium text-bad' : ''}>
            {countLabel(state, counts[state])}
          </span>
        ))}
      </span>
    </li>
  )
}

function Bar({ counts }: { counts: RolloutCounts }) {
  return (
    <span aria-hidden className="flex h-2 gap-px overflow-hidden rounded-sm bg-unknown-tint">
      {IN_ORDER.filter((state) => counts[state] > 0).map((state) => (
        <span key={state} className={`min-w-1 ${COLORS[state] ?? ''}`} style={{ flexGrow: counts[state], flexBasis: 0 }} />
      ))}
    </span>
  )
}
