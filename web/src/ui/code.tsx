import { Check, Copy } from 'lucide-react'
import { useState } from 'react'
import { t } from '@/lib/i18n'
import { IconButton } from './button'

/** Copies text; falls back to nothing where the browser has no clipboard (plain HTTP). */
export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2000)
  }
  if (!('clipboard' in navigator)) return null
  return (
    <IconButton label={copied ? t('Copied') : t('Copy')} onPress={() => void copy()}>
      {copied ? <Check aria-hidden size={14} /> : <Copy aria-hidden size={14} />}
    </IconButton>
  )
}

/** A block of text as it is, to read and copy. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="flex items-start gap-1 rounded-md bg-sunken">
      <pre
        aria-label={label}
        // A scrolling region must be reachable by keyboard.
        tabIndex={0}
        className="max-h-80 min-w-0 flex-1 overflow-auto px-3 py-2 font-mono text-sm [overflow-wrap:anywhere] whitespace-pre-wrap"
      >
        {text}
      </pre>
      <CopyButton text={text} />
    </div>
  )
}
