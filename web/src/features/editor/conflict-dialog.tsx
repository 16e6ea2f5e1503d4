import { useQuery } from '@tanstack/react-query'
import type { Document, Pipeline } from '@/api/gen'
import { checkDocument } from '@/api/gen'
import { useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { DiffView } from '@/ui/diff-view'
import { InlineError, LoadingState } from '@/ui/states'
import { stringify } from 'yaml'

type ConflictDialogProps = {
  mine: Document
  theirs: Pipeline | null
  onClose: () => void
  onKeepMine: () => void
  onTakeTheirs: () => void
}

/** Somebody saved meanwhile: shows both sides as YAML and lets a person decide. */
export function ConflictDialog({ mine, theirs, onClose, onKeepMine, onTakeTheirs }: ConflictDialogProps) {
  const { org, env } = useScope()
  const texts = useQuery({
    queryKey: ['conflict', org, env, theirs?.id, theirs?.etag, mine],
    enabled: theirs !== null,
    queryFn: async () => {
      const compile = async (document: Document) => {
        const { data } = await checkDocument({ path: { org, env }, body: { document }, throwOnError: true })
        // What does not compile is still shown, as it is stored.
        return data.yaml ?? stringify({ ...document, layout: undefined })
      }
      const [before, after] = await Promise.all([compile(theirs?.document ?? mine), compile(mine)])
      return { before, after }
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Go on editing')}</Button>
      <Button onPress={onTakeTheirs}>{t('Take theirs')}</Button>
      <Button variant="primary" onPress={onKeepMine}>
        {t('Save mine over it')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Somebody else saved this pipeline')} isOpen={theirs !== null} onClose={onClose} width="full" footer={footer}>
      <p className="mb-3 text-secondary">
        {theirs !== null &&
          t('{who} saved another version on {when}. Nothing of yours is lost: choose which one stays, or go on editing. Taking theirs can be undone.', {
            who: theirs.updated_by ?? t('Somebody'),
            when: formatTime(theirs.updated_at),
          })}
      </p>
      {texts.isPending && <LoadingState rows={4} />}
      {texts.error !== null && <InlineError error={texts.error} />}
      {texts.data !== undefined && (
        <DiffView before={texts.data.before} after={texts.data.after} beforeLabel={t('Theirs, as saved')} afterLabel={t('Mine, not saved')} />
      )}
    </Dialog>
  )
}
