import { useQuery } from '@tanstack/react-query'
import { ShieldAlert, ShieldCheck } from 'lucide-react'
import { getAuditProofOptions } from '@/api/gen/@tanstack/react-query.gen'
import { formatCount, formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'

const REFRESH_MS = 10_000

/** How far the log is signed and shipped, and which records nobody could prove yet. */
export function ProofNote({ org }: { org: string }) {
  const proof = useQuery({ ...getAuditProofOptions({ path: { org } }), refetchInterval: REFRESH_MS })
  if (proof.data === undefined) return null
  const { sequence, signed, shipped, shipped_at, shipping } = proof.data
  const unsigned = sequence - (signed ?? 0)
  const late = shipping === 'behind'
  const Icon = late ? ShieldAlert : ShieldCheck
  return (
    <p role="status" className={`mb-3 flex gap-2 rounded-md px-3 py-2 ${late ? 'bg-warn-tint text-warn' : 'bg-sunken text-secondary'}`}>
      <Icon aria-hidden size={16} className="mt-0.5 shrink-0" />
      <span className="min-w-0 [overflow-wrap:anywhere]">
        {signed === null ? t('No record is signed yet.') : t('Signed up to record {n}.', { n: formatCount(signed) })}{' '}
        {signed !== null && unsigned > 0 && t('{n, plural, one {# newer record waits} other {# newer records wait}} for the next signature.', { n: unsigned })}{' '}
        {shipping === 'off' && t('Nothing is shipped outside, so whoever holds the server could cut the newest records off. Keep exports elsewhere.')}
        {late && t('Shipping is late: newer signatures have not left the server.')}{' '}
        {shipping !== 'off' && (shipped === null || shipped_at === null
          ? t('No signature of this log has been shipped yet.')
          : t('Record {n} was shipped at {time}; what came after it could still be changed by whoever holds the server.', { n: formatCount(shipped), time: formatTime(shipped_at) }))}
      </span>
    </p>
  )
}
