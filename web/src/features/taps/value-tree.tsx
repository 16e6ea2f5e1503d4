import { visible } from '@/lib/lines'

const DEEPEST = 20
const MOST_ENTRIES = 200

/** A value with all that is in it, as text only; lists and maps fold. */
export function ValueTree({ value, depth = 0 }: { value: unknown; depth?: number }) {
  if (typeof value !== 'object' || value === null) {
    const tone = typeof value === 'string' ? '' : 'text-transform'
    return <span className={`font-mono text-sm [overflow-wrap:anywhere] ${tone}`}>{visible(typeof value === 'string' ? value : JSON.stringify(value))}</span>
  }
  const entries = Object.entries(value) as [string, unknown][]
  if (entries.length === 0) return <span className="font-mono text-sm text-secondary">{Array.isArray(value) ? '[]' : '{}'}</span>
  if (depth > DEEPEST) return <span className="font-mono text-sm text-secondary">…</span>
  return (
    <ul className="flex flex-col gap-0.5">
      {entries.slice(0, MOST_ENTRIES).map(([name, inner]) => {
        const isFolded = typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0
        return (
          <li key={name} className={isFolded ? '' : 'flex gap-2'}>
            {isFolded ? (
              <details open={depth < 2}>
                <summary className="cursor-pointer font-mono text-sm text-secondary">{visible(name)}</summary>
                <div className="pl-4">
                  <ValueTree value={inner} depth={depth + 1} />
                </div>
              </details>
            ) : (
              <>
                <span className="shrink-0 font-mono text-sm text-secondary">{visible(name)}</span>
                <ValueTree value={inner} depth={depth + 1} />
              </>
            )}
          </li>
        )
      })}
    </ul>
  )
}
