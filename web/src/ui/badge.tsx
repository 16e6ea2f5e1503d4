import type { LucideIcon } from 'lucide-react'
import { CircleAlert, CircleCheck, CircleDashed, CirclePause, CircleX, LoaderCircle } from 'lucide-react'

export type Tone = 'good' | 'warn' | 'bad' | 'unknown' | 'active'

const TONES: Record<Tone, { text: string; icon: LucideIcon }> = {
  good: { text: 'text-good', icon: CircleCheck },
  warn: { text: 'text-warn', icon: CircleAlert },
  bad: { text: 'text-bad', icon: CircleX },
  unknown: { text: 'text-unknown', icon: CircleDashed },
  active: { text: 'text-transform', icon: LoaderCircle },
}

/** A state as shape, colour and word; never colour alone. */
export function StateBadge({ tone, label, paused = false }: { tone: Tone; label: string; paused?: boolean }) {
  const { text, icon } = TONES[tone]
  const Icon = paused ? CirclePause : icon
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${text}`}>
      <Icon aria-hidden size={14} className="shrink-0" />
      <span className="font-medium">{label}</span>
    </span>
  )
}

/** A small label for a fact, as `region=eu`. */
export function Tag({ children }: { children: string }) {
  return (
    <span title={children} className="inline-block max-w-56 truncate rounded-sm bg-unknown-tint px-1.5 align-bottom font-mono text-sm text-secondary max-sm:max-w-[26vw]">
      {children}
    </span>
  )
}
