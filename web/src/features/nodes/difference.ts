import type { Difference } from '@/api/gen'
import { t } from '@/lib/i18n'

/** Why a node does not do what it should, in words. */
export function differenceLabel(code: Difference['code']): string {
  const words: Record<Difference['code'], string> = {
    'not-admitted': t('The node was not admitted: it is told nothing to run.'),
    left: t('The node has left or was revoked: it is told nothing any more.'),
    'never-heard': t('The node has not spoken since it was enrolled.'),
    'not-heard': t('The node is not heard: this is what it said last.'),
    'being-prepared': t('Its new orders are being made and signed.'),
    'not-fetched': t('It has not fetched its newest orders yet.'),
    'orders-refused': t('It refused its newest orders as a whole.'),
    policy: t("The node's own policy forbids it."),
    refused: t('It refused this revision; what ran before goes on.'),
    held: t('It is held: what runs goes on.'),
    crashed: t('The engine crashed.'),
    'crash-loop': t('The engine keeps crashing; it is tried again ever more rarely.'),
    backoff: t('The engine ended and is started again after a pause.'),
    starting: t('The engine is starting.'),
    stopping: t('The engine is stopping: it delivers what it still holds.'),
    'under-way': t('It has its orders and is checking and handing over.'),
  }
  return words[code] ?? code
}
