import { Minus, Pencil, Plus } from 'lucide-react'
import type { Change } from '@/api/gen'
import { t } from '@/lib/i18n'

const ICONS = { added: Plus, removed: Minus, changed: Pencil }
const TONES = { added: 'text-good', removed: 'text-bad', changed: 'text-warn' }

function isEdge(value: object): value is { source: string; port?: string; target: string } {
  return 'source' in value && 'target' in value
}

function short(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'object' && isEdge(value)) {
    const port = value.port === undefined || value.port === '_default' ? '' : `.${value.port}`
    return `${value.source}${port} → ${value.target}`
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 160 ? `${text.slice(0, 157)}…` : text
}

/** The lines that only one of two texts has; null where neither is of several lines, or they differ in the order alone. */
export function lineChanges(before: unknown, after: unknown): { removed: string[]; added: string[] } | null {
  if (typeof before !== 'string' || typeof after !== 'string') return null
  const [old, now] = [before.trimEnd().split('\n'), after.trimEnd().split('\n')]
  const found = { removed: old.filter((line) => !now.includes(line)), added: now.filter((line) => !old.includes(line)) }
  return Math.max(old.length, now.length) > 1 && found.removed.length + found.added.length > 0 ? found : null
}

const MOST_LINES = 6

/** What an option was and is: of a program only the lines that differ. */
function Values({ before, after }: { before: unknown; after: unknown }) {
  const lines = lineChanges(before, after)
  if (lines === null) {
    return (
      <span className="block font-mono text-sm text-secondary">
        {before != null && <del className="no-underline">{short(before)}</del>}
        {before != null && after != null && ' → '}
        {after != null && <ins className="text-text no-underline">{short(after)}</ins>}
      </span>
    )
  }
  const shown = [...lines.removed.map((line) => ({ sign: '−', line })), ...lines.added.map((line) => ({ sign: '+', line }))]
  return (
    <span className="block font-mono text-sm text-secondary">
      {shown.slice(0, MOST_LINES).map(({ sign, line }, index) => (
        <span key={index} className={`block ${sign === '+' ? 'text-text' : ''}`}>{`${sign} ${short(line)}`}</span>
      ))}
      {shown.length > MOST_LINES && <span className="block">{t('and {n, plural, one {# more line} other {# more lines}}', { n: shown.length - MOST_LINES })}</span>}
    </span>
  )
}

function words(change: Change): string {
  const verb = { added: t('added'), removed: t('removed'), changed: t('changed') }[change.kind]
  const what = { component: t('component'), edge: t('connection'), option: t('option'), global: t('setting') }[change.what]
  return `${what} ${verb}`
}

function placeOf(change: Change): string {
  const path = Array.isArray(change.path) ? change.path.join('.') : typeof change.path === 'string' ? change.path : ''
  // A connection is told by its ends.
  if (change.what === 'edge' && (change.before != null || change.after != null)) return ''
  return [change.component, path].filter((part) => part != null && part !== '').join(' · ')
}

/** What a change means, one line each: components, connections, options. */
export function ChangeList({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <p className="text-secondary">{t('Nothing changes in what runs.')}</p>
  return (
    <ul className="flex flex-col gap-1">
      {changes.map((change, index) => {
        const Icon = ICONS[change.kind]
        const showsValues = change.what === 'option' || change.what === 'global' || change.what === 'edge'
        return (
          <li key={index} className="flex items-start gap-2">
            <Icon aria-hidden size={14} className={`mt-0.5 shrink-0 ${TONES[change.kind]}`} />
            <span className="min-w-0 [overflow-wrap:anywhere]">
              <span>{words(change)}</span> <span className="font-mono text-sm">{placeOf(change)}</span>
              {showsValues && (change.before != null || change.after != null) && (
                <Values before={change.before} after={change.after} />
              )}
            </span>
          </li>
        )
      })}
    </ul>
  )
}
