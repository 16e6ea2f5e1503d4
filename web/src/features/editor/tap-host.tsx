import { lazy, Suspense, useCallback } from 'react'
import { useDialog, useRowDialog } from '@/app/dialogs'
import { Lost } from '@/app/linked'
import { useCan } from '@/app/scope'
import { useSamples } from '@/features/vrl/samples'
import { t } from '@/lib/i18n'
import { safeLine } from '@/lib/lines'
import { notify } from '@/ui/toast'
import { useEditor } from './context'
import { DEFAULT_PORT } from './graph/types'

const TapDialog = lazy(async () => ({ default: (await import('@/features/taps/tap-dialog')).TapDialog }))

/** An output as taps name it: the default one, and all of them, have no name. */
export type TappedOutput = { component: string; port: string }

/** Neither of them has a dot in its name. */
const nameOf = ({ component, port }: TappedOutput) => (port === '' ? component : `${component}.${port}`)

/** The output that is tapped, which stands in the address, and the ways to begin and to end. */
export function useTapped(): { tapped: TappedOutput | null; openTap: (component: string, port: string) => void; closeTap: () => void } {
  const { store } = useEditor()
  const { open } = useDialog('tap')
  const tapped = useRowDialog<TappedOutput>('tap', NONE, {
    may: useCan()('tap.use'),
    idOf: nameOf,
    one: (name) => {
      const [component = '', port = ''] = name.split('.', 2)
      const isThere = store.getState().draft.document.components.some(({ id }) => id === component)
      return isThere ? Promise.resolve({ component, port }) : Promise.reject(new Lost('missing'))
    },
  })
  const openTap = useCallback((component: string, port: string) => open(nameOf({ component, port: port === DEFAULT_PORT ? '' : port })), [open])
  return { tapped: tapped.row, openTap, closeTap: tapped.close }
}

const NONE: TappedOutput[] = []

/** The tap on an output of the open pipeline; its events can become the samples that programs are tried on. */
export function TapHost({ tapped, onClose }: { tapped: TappedOutput | null; onClose: () => void }) {
  const { pipelineId } = useEditor()
  const [, setSamples] = useSamples()
  const use = (events: unknown[]) => {
    setSamples(`${events.map(safeLine).join('\n')}\n`)
    notify(t('The events are the samples for trying programs now.'))
  }
  if (tapped === null) return null
  return (
    <Suspense>
      <TapDialog title={nameOf(tapped)} target={{ pipelineId, ...tapped }} onClose={onClose} onUseAsSamples={use} />
    </Suspense>
  )
}
