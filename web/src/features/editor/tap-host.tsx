import { lazy, Suspense } from 'react'
import { useSamples } from '@/features/vrl/samples'
import { t } from '@/lib/i18n'
import { safeLine } from '@/lib/lines'
import { notify } from '@/ui/toast'
import { useEditor } from './context'

const TapDialog = lazy(async () => ({ default: (await import('@/features/taps/tap-dialog')).TapDialog }))

/** An output as taps name it: the default one, and all of them, have no name. */
export type TappedOutput = { component: string; port: string }

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
      <TapDialog title={tapped.port === '' ? tapped.component : `${tapped.component}.${tapped.port}`} target={{ pipelineId, ...tapped }} onClose={onClose} onUseAsSamples={use} />
    </Suspense>
  )
}
