import { t } from '@/lib/i18n'

function toneOf(line: string): string {
  if (line.startsWith('@@') || line.startsWith('---') || line.startsWith('+++')) return 'text-secondary'
  if (line.startsWith('+')) return 'bg-good-tint text-good'
  if (line.startsWith('-')) return 'bg-bad-tint text-bad'
  return ''
}

/** A unified diff as text; the sign at the beginning of a line says the same as its colour. */
export function TextDiff({ text }: { text: string }) {
  if (text === '') return <p className="text-secondary">{t('The configuration stays the same, byte for byte.')}</p>
  return (
    <pre
      aria-label={t('Difference as text')}
      tabIndex={0}
      className="max-h-[60vh] overflow-auto rounded-md border bg-surface py-2 font-mono text-sm"
    >
      {text.split('\n').map((line, index) => (
        <span key={index} className={`block min-h-4 px-3 ${toneOf(line)}`}>
          {line}
        </span>
      ))}
    </pre>
  )
}
