import { Radio } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { useCan } from '@/app/scope'
import { useSamples } from '@/features/vrl/samples'
import { t } from '@/lib/i18n'
import { safeLine } from '@/lib/lines'
import { Button } from '@/ui/button'
import { notify } from '@/ui/toast'
import { useEditor } from '../context'

const TapDialog = lazy(async () => ({ default: (await import('@/features/taps/tap-dialog')).TapDialog }))

/** Opens a tap on the component's outputs; its events can become the samples that programs are tried on. */
export function TapButton({ component }: { component: string }) {
  const can = useCan()
  const { pipelineId } = useEditor()
  const [, setSamples] = useSamples()
  const [isOpen, setOpen] = useState(false)
  if (!can('tap.use')) return null
  const use = (events: unknown[]) => {
    setSamples(`${events.map(safeLine).join('\n')}\n`)
    notify(t('The events are the samples for trying programs now.'))
  }
  return (
    <div>
      <Button onPress={() => setOpen(true)}>
        <Radio aria-hidden size={14} />
        {t('Tap')}
      </Button>
      {isOpen && (
        <Suspense>
          <TapDialog title={component} target={{ pipelineId, component }} onClose={() => setOpen(false)} onUseAsSamples={use} />
        </Suspense>
      )}
    </div>
  )
}
