import { useState } from 'react'
import type { NodeDetail } from '@/api/gen'
import { setNodeLabels } from '@/api/gen'
import { getNodeQueryKey, listNodesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog } from '@/app/dialogs'
import { useOptimistic } from '@/app/optimistic'
import { useCan, useScope } from '@/app/scope'
import { parseLabels } from '@/features/enrolment/token-dialog'
import { t } from '@/lib/i18n'
import { Tag } from '@/ui/badge'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import { notify } from '@/ui/toast'

/** The labels that people assigned, which alone select; what the machine says of itself stands apart. */
export function NodeLabels({ node }: { node: NodeDetail }) {
  const can = useCan()
  const editing = useDialog('labels', can('node.label'))
  const entries = sorted(node)
  return (
    <div className="flex flex-col items-start gap-2">
      <div className="flex flex-wrap gap-1.5">
        {entries.map(([name, value]) => (
          <Tag key={name}>{`${name}=${value}`}</Tag>
        ))}
        {entries.length === 0 && <span className="text-secondary">{t('none')}</span>}
      </div>
      {can('node.label') && <Button onPress={() => editing.open()}>{t('Edit labels…')}</Button>}
      {editing.isOpen && <LabelsDialog node={node} onClose={editing.close} />}
    </div>
  )
}

function sorted(node: NodeDetail): [string, string][] {
  return Object.entries(node.labels).sort(([one], [other]) => one.localeCompare(other))
}

function LabelsDialog({ node, onClose }: { node: NodeDetail; onClose: () => void }) {
  // The version whose labels are changed: somebody else's change meanwhile is refused, not overwritten.
  const [etag] = useState(node.etag)
  const [text, setText] = useState(() =>
    sorted(node)
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
  )
  const path = { ...useScope(), id: node.id }
  const change = useOptimistic({
    queryKey: getNodeQueryKey({ path }),
    also: [listNodesQueryKey({ path })],
    inForm: true,
    mutationFn: (labels: Record<string, string>) => setNodeLabels({ path, body: { labels }, headers: { 'If-Match': etag }, throwOnError: true }),
    expect: (seen: NodeDetail, labels) => ({ ...seen, labels }),
    onSuccess: () => {
      notify(t('Labels are changed.'))
      onClose()
    },
  })
  const labels = parseLabels(text)
  const save = () => {
    if (labels !== null) change.mutate(labels)
  }
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={labels === null || change.isPending} onPress={save}>
        {t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('Labels of {name}', { name: node.name })} isOpen={!change.isPending} onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <TextField
          label={t('Labels')}
          mono
          rows={6}
          value={text}
          onChange={setText}
          placeholder="env=prod"
          error={labels === null ? t('Write name=value, one a line.') : undefined}
          hint={t('What runs stays as it is. Where other pipelines are for these labels, that shows as a difference to confirm.')}
        />
        {change.error !== null && <InlineError error={change.error} />}
      </div>
    </Dialog>
  )
}
