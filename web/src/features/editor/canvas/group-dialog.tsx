import { useState } from 'react'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { useEditorState } from '../context'
import { freeGroupName } from '../graph/groups'

const MAX_NAME = 80

type GroupDialogProps = { rename: string | null; count: number; onClose: () => void; onConfirm: (name: string) => void }

/** Asks for the name of a group: a new one, one to join, or another name for one. */
export function GroupDialog({ rename, count, onClose, onConfirm }: GroupDialogProps) {
  const graph = useEditorState((state) => state.draft.document)
  const [name, setName] = useState(() => rename ?? freeGroupName(graph, t('Group')))
  const wanted = name.trim()
  const isThere = wanted in graph.groups && wanted !== rename
  const refusal = rename !== null && isThere ? t('There is a group of this name already.') : undefined
  const hint = isThere ? t('They join the group of this name.') : t('It only says how the canvas shows the graph; nothing that runs changes.')
  return (
    <Dialog
      title={rename === null ? t('{n, plural, one {Group # component} other {Group # components}}', { n: count }) : t('Rename the group')}
      isOpen
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>{t('Cancel')}</Button>
          <Button variant="primary" type="submit" form="group-name" isDisabled={wanted === '' || refusal !== undefined}>
            {rename !== null ? t('Rename') : isThere ? t('Join') : t('Group')}
          </Button>
        </>
      }
    >
      <form
        id="group-name"
        onSubmit={(event) => {
          event.preventDefault()
          if (wanted !== '' && refusal === undefined) onConfirm(wanted)
        }}
      >
        <TextField label={t('Name')} autoFocus selectOnFocus value={name} onChange={setName} maxLength={MAX_NAME} hint={hint} error={refusal} />
      </form>
    </Dialog>
  )
}
