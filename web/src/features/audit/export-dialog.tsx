import { t } from '@/lib/i18n'
import { Button, buttonClass } from '@/ui/button'
import { CodeBlock } from '@/ui/code'
import { Dialog } from '@/ui/dialog'

type ExportDialogProps = {
  org: string
  filter: Record<string, unknown>
  isOpen: boolean
  onClose: () => void
}

/** The log as a file: whole and verifiable, or what the filters leave as a table. */
export function ExportDialog({ org, filter, isOpen, onClose }: ExportDialogProps) {
  const base = `/api/v1/orgs/${encodeURIComponent(org)}/audit/export`
  const csv = new URLSearchParams({ format: 'csv', ...Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, String(value)])) })
  return (
    <Dialog title={t('Export the log')} isOpen={isOpen} onClose={onClose} width="wide" footer={<Button onPress={onClose}>{t('Close')}</Button>}>
      <p className="mb-2">{t('The whole log holds every record with the signed checkpoints. Anybody can verify it without this server:')}</p>
      <CodeBlock label={t('Command')} text={`vectorflow audit verify audit-${org}.ndjson --key audit.pub`} />
      <p className="my-2 text-secondary">
        {t('The operator of the server gives you audit.pub, and your own shipped checkpoints where the log is shipped; with --shipped they show a tail that was cut.')}
      </p>
      <div className="flex flex-wrap gap-2">
        <a className={buttonClass('primary')} href={base} download>
          {t('Whole log, to verify')}
        </a>
        <a className={buttonClass('secondary')} href={`${base}?${csv}`} download>
          {Object.keys(filter).length > 0 ? t('Filtered table (CSV)') : t('Table (CSV)')}
        </a>
      </div>
    </Dialog>
  )
}
