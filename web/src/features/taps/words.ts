import { t } from '@/lib/i18n'

/** Why a tap, or a node's part of it, ended. */
export function endedLabel(ended: string): string {
  const words: Record<string, string> = {
    stopped: t('It was stopped.'),
    time: t('Its time is over.'),
    unwatched: t('Nobody looked any more.'),
    'not-allowed': t('You may not tap here any more.'),
    'nodes-ended': t('Every node has ended it.'),
    refused: t('It refused.'),
    'most-events': t('As many events were sent as were asked for.'),
    'condition-failed': t('The condition in VRL could not be judged.'),
    'component-gone': t('The engine has no such output now.'),
    'not-running': t('The pipeline does not run there.'),
    'not-supported': t('The engine does not answer taps.'),
    'agent-ended': t('The agent ended it.'),
  }
  return words[ended] ?? ended
}
