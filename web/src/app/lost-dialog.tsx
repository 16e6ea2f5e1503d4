import { useLocation, useRouter } from '@tanstack/react-router'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { InlineError } from '@/ui/states'
import { leavePlace, namedPlace } from './dialogs'
import { useLoss } from './linked'

/** Says why what a link names does not open, on whichever page it leads to. */
export function LostDialog() {
  const router = useRouter()
  const place = useLocation({ select: namedPlace, structuralSharing: true })
  const loss = useLoss(place)
  if (place === null || loss === null) return null
  const close = () => leavePlace(router, place)
  return (
    <Dialog
      isOpen
      onClose={close}
      title={loss === 'missing' ? t('It is not there') : loss === 'forbidden' ? t('You may not open this') : t('This link could not be opened')}
      footer={
        <Button variant="primary" autoFocus onPress={close}>
          {t('Close')}
        </Button>
      }
    >
      {loss === 'missing' ? (
        <p>{t('What this link names does not exist, or does not exist any more: somebody may have deleted it, or it ended by itself. It may also belong to another environment.')}</p>
      ) : loss === 'forbidden' ? (
        <p>{t('What this link names exists for people with other permissions than yours. Ask an administrator of the organisation.')}</p>
      ) : (
        <InlineError error={loss} />
      )}
    </Dialog>
  )
}
