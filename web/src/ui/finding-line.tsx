import { CircleAlert, Info } from 'lucide-react'
import type { Finding } from '@/api/gen'
import { shortMessage } from '@/lib/shorten'

/** One remark of the check, in words and with its mark. */
export function FindingLine({ finding }: { finding: Finding }) {
  const tone = { error: 'text-bad', warning: 'text-warn', note: 'text-secondary' }[finding.severity]
  const Icon = finding.severity === 'note' ? Info : CircleAlert
  const words = shortMessage(finding.message)
  return (
    <p className={`flex gap-1.5 text-sm ${tone}`}>
      <Icon aria-hidden size={13} className="mt-0.5 shrink-0" />
      <span title={words === finding.message ? undefined : finding.message} className="min-w-0 [overflow-wrap:anywhere]">
        {words}
      </span>
    </p>
  )
}
