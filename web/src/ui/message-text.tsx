import { useState } from 'react'
import { t } from '@/lib/i18n'
import { shortened } from '@/lib/shorten'

/** A message whose long list can be opened. `words` puts the message into a sentence. */
export function MessageText({ message, words = (text) => text }: { message: string; words?: (text: string) => string }) {
  const [isOpen, setOpen] = useState(false)
  const found = shortened(message)
  if (found === null || isOpen) return words(message)
  return (
    <>
      {words(found.short)}{' '}
      <button type="button" title={message} className="cursor-pointer underline" onClick={() => setOpen(true)}>
        {t('and {n} more', { n: found.left })}
      </button>
    </>
  )
}
