import { toast, Toaster } from 'sonner'
import { describeError } from '@/lib/problem'

/** Says that something was done. */
export function notify(message: string): void {
  toast(message)
}

/** Says that something failed, with the server's words and id. */
export function notifyError(error: unknown): void {
  const { title, detail, id } = describeError(error)
  toast.error(title, { description: id === null ? detail : `${detail} (${id})`, duration: 10_000 })
}

/** Where short messages appear. */
export function Toasts() {
  return (
    <Toaster
      position="bottom-right"
      toastOptions={{
        style: { background: 'var(--raised)', color: 'var(--text)', borderColor: 'var(--line)', font: '13px/20px var(--font-sans)' },
      }}
    />
  )
}
