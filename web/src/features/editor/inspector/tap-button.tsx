import { Radio } from 'lucide-react'
import { useCan } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { useCanvasActions } from '../canvas/actions'
import { DEFAULT_PORT } from '../graph/types'

/** Opens a tap on the component's outputs. */
export function TapButton({ component }: { component: string }) {
  const can = useCan()
  const { tap } = useCanvasActions()
  if (!can('tap.use')) return null
  return (
    <div>
      <Button onPress={() => tap(component, DEFAULT_PORT)}>
        <Radio aria-hidden size={14} />
        {t('Tap')}
      </Button>
    </div>
  )
}
