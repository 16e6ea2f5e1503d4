import type { Rollout, RolloutCounts, RolloutNode } from '@/api/gen'
import { ROLLOUT_NODE_STATES } from '@/app/search'
import { t } from '@/lib/i18n'
import type { Tone } from '@/ui/badge'

/** A rollout's state in words and tone. */
export function rolloutState(state: Rollout['state']): { label: string; tone: Tone; paused: boolean } {
  const words: Record<Rollout['state'], [string, Tone]> = {
    running: [t('Running'), 'active'],
    paused: [t('Paused'), 'warn'],
    halted: [t('Halted'), 'bad'],
    done: [t('Done'), 'good'],
    cancelled: [t('Cancelled'), 'unknown'],
  }
  const [label, tone] = words[state] ?? [state, 'unknown']
  return { label, tone, paused: state === 'paused' }
}

/** The states of nodes that need a look. */
export const TROUBLES = ['refused', 'crashed', 'silent'] as const

/** Whether a node's state needs a look. */
export function isTrouble(state: RolloutNode['state']): boolean {
  return TROUBLES.some((each) => each === state)
}

/** How many nodes were counted, in all states or in some. */
export function nodeCount(counts: RolloutCounts, states: readonly RolloutNode['state'][] = ROLLOUT_NODE_STATES): number {
  return states.reduce((sum, state) => sum + counts[state], 0)
}

/** So many nodes in a state, in words. */
export function countLabel(state: RolloutNode['state'], n: number): string {
  const words: Record<RolloutNode['state'], string> = {
    waiting: t('{n, plural, one {# waits} other {# wait}}', { n }),
    assigned: t('{n, number} told, no report yet', { n }),
    applied: t('{n, number} applied', { n }),
    refused: t('{n, number} refused', { n }),
    crashed: t('{n, number} crashed', { n }),
    silent: t('{n, number} silent', { n }),
    kept: t('{n, number} kept the old revision', { n }),
  }
  return words[state] ?? `${n} ${state}`
}

/** What a node has to do with a revision: only its own report says that it runs it. */
export function assignmentLabel(state: RolloutNode['state'], revision: number): string {
  return state === 'applied' ? t('runs revision {n}', { n: revision }) : t('should run revision {n}', { n: revision })
}

/** A node's state in a rollout, in words and tone. */
export function nodeState(state: RolloutNode['state']): { label: string; tone: Tone } {
  const words: Record<RolloutNode['state'], [string, Tone]> = {
    waiting: [t('Waits for its batch'), 'unknown'],
    assigned: [t('Told, no report yet'), 'active'],
    applied: [t('Applied'), 'good'],
    refused: [t('Refused'), 'bad'],
    crashed: [t('Crashed'), 'bad'],
    silent: [t('Silent'), 'bad'],
    kept: [t('Kept the old revision'), 'unknown'],
  }
  const [label, tone] = words[state] ?? [state, 'unknown']
  return { label, tone }
}
