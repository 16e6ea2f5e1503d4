import { t } from '@/lib/i18n'
import type { FieldChange } from './fields'
import { changesOf } from './fields'

const MARKS: Record<FieldChange['state'], { sign: string; tone: string }> = {
  added: { sign: '+', tone: 'bg-good-tint' },
  removed: { sign: '−', tone: 'bg-bad-tint' },
  changed: { sign: '~', tone: 'bg-warn-tint' },
  same: { sign: '', tone: '' },
}

function words(state: FieldChange['state']): string {
  return { added: t('new'), removed: t('gone'), changed: t('changed'), same: t('as before') }[state]
}

/** An event before and after, a row for each field. */
export function EventChange({ before, after }: { before: unknown; after: unknown }) {
  const changes = changesOf(before, after)
  return (
    <table className="w-full table-fixed border-collapse font-mono text-sm">
      <thead className="sr-only">
        <tr>
          <th>{t('Field')}</th>
          <th>{t('Before')}</th>
          <th>{t('After')}</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ path, before: was, after: is, state }) => (
          <tr key={path} className={`align-top ${MARKS[state].tone}`} title={words(state)}>
            <td className="w-1/3 py-0.5 pr-2 pl-1 [overflow-wrap:anywhere]">
              <span aria-hidden className="inline-block w-3.5 text-secondary">
                {MARKS[state].sign}
              </span>
              {path}
            </td>
            {state === 'same' ? (
              <td colSpan={2} className="py-0.5 pr-2 text-secondary [overflow-wrap:anywhere]">
                {is}
              </td>
            ) : (
              <>
                <td className="py-0.5 pr-2 text-secondary [overflow-wrap:anywhere]">{was ?? '–'}</td>
                <td className="py-0.5 pr-1 [overflow-wrap:anywhere]">{is ?? '–'}</td>
              </>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
