import type { Rollout, RolloutNode } from '@/api/gen'
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
