import { toast, Toaster } from 'sonner'
import { describeError, fieldErrors } from '@/lib/problem'

/** Says that something was done. */
export function notify(message: string): void {
  toast(message)
}

const MOST_REASONS = 3

/** Says that something failed, with the server's words, what it says of single fields, and its id. */
export function notifyError(error: unknown): void {
  const { title, detail, id } = describeError(error)
  const reasons = fieldErrors(error)
    .slice(0, MOST_REASONS)
    .map((each) => `${each.field}: ${each.message}`)
  const words = [...(detail === title ? [] : [detail]), ...reasons, ...(id === null ? [] : [`(${id})`])]
  toast.error(title, { description: words.join(' '), duration: 10_000 })
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
