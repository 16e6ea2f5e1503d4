import type { ProgramDiagnostic } from '@/api/gen'
import { t } from '@/lib/i18n'
import { MessageText } from '@/ui/message-text'

const MOST = 4

/** What the compiler says about a program, line by line; the rest is marked in the program itself. */
export function Diagnostics({ all }: { all: readonly ProgramDiagnostic[] }) {
  if (all.length === 0) return null
  return (
    <div role="status" className="flex flex-col gap-0.5 text-sm [overflow-wrap:anywhere]">
      {all.slice(0, MOST).map((each, index) => (
        <p key={index} className={each.severity === 'error' ? 'text-bad' : 'text-secondary'}>
          <MessageText message={each.message} words={(message) => t('Line {line}: {message}', { line: each.line, message })} />
        </p>
      ))}
      {all.length > MOST && <p className="text-secondary">{t('{n, plural, one {# more, marked above} other {# more, marked above}}', { n: all.length - MOST })}</p>}
    </div>
  )
}
