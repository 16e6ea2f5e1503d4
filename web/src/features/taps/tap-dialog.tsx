import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { TapNew } from '@/api/gen'
import { openTap, stopTap } from '@/api/gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { InlineError } from '@/ui/states'
import type { TapTarget } from './tap-form'
import { TapForm } from './tap-form'
import { TapSession } from './tap-session'
import { TapView } from './tap-view'

type TapDialogProps = { title: string; target: TapTarget; onClose: () => void; onUseAsSamples?: (events: unknown[]) => void }

/** Opens a tap and shows its events until it is closed, which stops it. */
export function TapDialog({ title, target, onClose, onUseAsSamples }: TapDialogProps) {
  const { org, env } = useScope()
  const [session, setSession] = useState<TapSession | null>(null)
  const start = useMutation({
    mutationFn: async (wish: TapNew) => (await openTap({ path: { org, env }, body: wish, throwOnError: true })).data,
    onSuccess: (tap) => {
      const base = `/api/v1/orgs/${encodeURIComponent(org)}/environments/${encodeURIComponent(env)}`
      setSession(new TapSession(`${base}/taps/${tap.id}/events`, tap))
    },
  })
  const stop = useMutation({
    mutationFn: async (tap: string) => {
      await stopTap({ path: { org, env, id: tap }, throwOnError: true })
    },
  })
  useEffect(() => {
    if (session === null) return undefined
    // Whoever leaves the page does not look any more: the tap ends by itself half a minute later.
    return () => session.close()
  }, [session])
  const end = () => {
    if (session === null) return
    const { tap } = session.current()
    if (tap.ended === '') stop.mutate(tap.id)
    session.close()
  }
  const close = () => {
    end()
    onClose()
  }
  // The form has its own row of actions.
  const footer = session !== null && (
    <>
      <Button onPress={() => (end(), setSession(null))}>{t('New tap')}</Button>
      <Button variant="primary" onPress={close}>
        {t('Close')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Tap: {title}', { title })} isOpen onClose={close} width="full" {...(footer === false ? {} : { footer })}>
      {start.error !== null && <InlineError error={start.error} />}
      {stop.error !== null && <InlineError error={stop.error} />}
      {session === null ? (
        <TapForm target={target} isPending={start.isPending} onOpen={(wish) => start.mutate(wish)} beside={<Button onPress={close}>{t('Close')}</Button>} />
      ) : (
        <TapView session={session} onStop={end} {...(onUseAsSamples === undefined ? {} : { onUseAsSamples })} />
      )}
    </Dialog>
  )
}
