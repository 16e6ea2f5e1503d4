import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import type { Capture } from '@/api/gen'
import { getCaptureOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { ErrorState, LoadingState } from '@/ui/states'
import { EventTrees } from './event-list'
import { downloadLines } from '@/lib/lines'

/** The events of a capture; the log tells who opened it. */
export function CaptureDialog({ capture, onClose }: { capture: Capture; onClose: () => void }) {
  const { org, env } = useScope()
  const query = useQuery({ ...getCaptureOptions({ path: { org, env, id: capture.id } }), gcTime: 0, staleTime: Infinity, retry: false })
  const items = query.data?.items ?? []
  const events = items.map((each, index) => ({
    number: index + 1,
    isPinned: false,
    node_id: each.node_id ?? '',
    at: each.at ?? '',
    component: capture.component,
    port: capture.port,
    kind: each.kind ?? 'log',
    event: each.event,
    cut: false,
    binary: false,
    redacted: 0,
  }))
  const footer = (
    <>
      <Button isDisabled={items.length === 0} onPress={() => downloadLines(capture.name, items.map((each) => each.event))}>
        <Download aria-hidden size={14} />
        {t('Export')}
      </Button>
      <Button variant="primary" onPress={onClose}>
        {t('Close')}
      </Button>
    </>
  )
  return (
    <Dialog title={capture.name} isOpen onClose={onClose} width="full" footer={footer}>
      {query.error !== null ? <ErrorState error={query.error} /> : query.isPending ? <LoadingState /> : <EventTrees events={events} nodeName={() => ''} />}
    </Dialog>
  )
}
