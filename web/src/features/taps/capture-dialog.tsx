import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { getCaptureOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { ErrorState, LoadingState } from '@/ui/states'
import { EventTrees } from './event-list'
import { downloadLines } from '@/lib/lines'

type CaptureDialogProps = { id: string; /** Where it is known already. */ name: string | undefined; onClose: () => void }

/** The events of a capture, on whichever page of the list it stands; the log tells who opened it. */
export function CaptureDialog({ id, name, onClose }: CaptureDialogProps) {
  const { org, env } = useScope()
  const query = useQuery({ ...getCaptureOptions({ path: { org, env, id } }), gcTime: 0, staleTime: Infinity, retry: false })
  const capture = query.data?.capture
  const items = query.data?.items ?? []
  const title = name ?? capture?.name ?? t('Capture')
  const events = items.map((each, index) => ({
    number: index + 1,
    isPinned: false,
    node_id: each.node_id ?? '',
    at: each.at ?? '',
    component: capture?.component ?? '',
    port: capture?.port ?? '',
    kind: each.kind ?? 'log',
    event: each.event,
    cut: false,
    binary: false,
    redacted: 0,
  }))
  const footer = (
    <>
      <Button isDisabled={items.length === 0} onPress={() => downloadLines(title, items.map((each) => each.event))}>
        <Download aria-hidden size={14} />
        {t('Export')}
      </Button>
      <Button variant="primary" onPress={onClose}>
        {t('Close')}
      </Button>
    </>
  )
  return (
    <Dialog title={title} isOpen onClose={onClose} width="full" footer={footer}>
      {query.error !== null ? <ErrorState error={query.error} /> : query.isPending ? <LoadingState /> : <EventTrees events={events} nodeName={() => ''} />}
    </Dialog>
  )
}
