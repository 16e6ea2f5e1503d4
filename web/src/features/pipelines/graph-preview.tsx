import type { Document } from '@/features/editor/graph/types'
import { t } from '@/lib/i18n'

const CARD = { width: 190, height: 46 }
const MARGIN = 12

function shortened(text: string): string {
  return text.length > 24 ? `${text.slice(0, 23)}…` : text
}

/** A pipeline as a small picture, to look at before anything is stored. */
export function GraphPreview({ document, className = '' }: { document: Document; className?: string }) {
  const place = (id: string) => document.layout[id] ?? { x: 0, y: 0 }
  const places = document.components.map(({ id }) => place(id))
  if (places.length === 0) return null
  const left = Math.min(...places.map((each) => each.x)) - MARGIN
  const top = Math.min(...places.map((each) => each.y)) - MARGIN
  const right = Math.max(...places.map((each) => each.x)) + CARD.width + MARGIN
  const bottom = Math.max(...places.map((each) => each.y)) + CARD.height + MARGIN
  const told = document.edges.map((edge) => t('{source} to {target}', { source: edge.source, target: edge.target })).join(', ')
  return (
    <svg
      role="img"
      aria-label={t('Graph: {edges}', { edges: told === '' ? document.components.map(({ id }) => id).join(', ') : told })}
      viewBox={`${left} ${top} ${right - left} ${bottom - top}`}
      className={`w-full ${className}`}
      style={{ maxWidth: right - left }}
    >
      {document.edges.map((edge) => {
        const from = place(edge.source)
        const to = place(edge.target)
        const [x1, y1, x2, y2] = [from.x + CARD.width, from.y + CARD.height / 2, to.x, to.y + CARD.height / 2]
        const bend = Math.max(24, (x2 - x1) / 2)
        return <path key={`${edge.source}.${edge.port}>${edge.target}`} d={`M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`} fill="none" stroke="var(--control)" strokeWidth={1.5} />
      })}
      {document.components.map(({ id, kind, type }) => {
        const { x, y } = place(id)
        return (
          <g key={id} transform={`translate(${x} ${y})`}>
            <rect width={CARD.width} height={CARD.height} rx={6} fill="var(--surface)" stroke="var(--line)" />
            <rect width={4} height={CARD.height - 12} x={6} y={6} rx={2} fill={`var(--${kind})`} />
            <text x={18} y={20} fill="var(--text)" className="font-mono" fontSize={12}>
              {shortened(id)}
            </text>
            <text x={18} y={36} fill="var(--secondary)" fontSize={11}>
              {shortened(type)}
            </text>
          </g>
        )
      })}
    </svg>
  )
}
