import type { ReactNode } from 'react'
import type { AuditRecord } from '@/api/gen'
import type { AuditSearch } from '@/app/search'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { CodeBlock } from '@/ui/code'
import { Dialog } from '@/ui/dialog'
import { Facts } from '@/ui/page'

type RecordDialogProps = {
  record: AuditRecord
  onClose: () => void
  onFilter: (change: Partial<AuditSearch>) => void
}

/** One record with what was before and after; secrets were taken out when it was written. */
export function RecordDialog({ record, onClose, onFilter }: RecordDialogProps) {
  const facts: [string, ReactNode][] = [
    [t('When'), formatTime(record.at)],
    [t('Who'), record.actor_id === null ? record.actor : `${record.actor} · ${record.actor_id}`],
    [t('From where'), record.address ?? '–'],
    [t('Action'), <code key="action">{record.action}</code>],
    [t('Object'), <code key="object">{`${record.object_type} ${record.object_id}`}</code>],
    [t('Hash'), <code key="hash">{record.hash}</code>],
  ]
  const footer = (
    <>
      <Button onPress={() => onFilter({ type: record.object_type, object: record.object_id })}>{t('All about this object')}</Button>
      <Button variant="primary" onPress={onClose}>
        {t('Close')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Record {n}', { n: record.sequence })} isOpen onClose={onClose} width="wide" footer={footer}>
      <p className="mb-3 [overflow-wrap:anywhere]">{record.summary}</p>
      <Facts items={facts} />
      <Side title={t('Before')} value={record.before} />
      <Side title={t('After')} value={record.after} />
    </Dialog>
  )
}

function Side({ title, value }: { title: string; value: AuditRecord['before'] }) {
  if (value === null) return null
  return (
    <section className="mt-4">
      <h3 className="mb-1 font-medium">{title}</h3>
      <CodeBlock label={title} text={JSON.stringify(value, null, 2)} />
    </section>
  )
}
