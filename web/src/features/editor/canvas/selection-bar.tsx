import { AlignHorizontalDistributeCenter, AlignStartVertical, Copy, CopyPlus, Group, Power, Trash2, Ungroup } from 'lucide-react'
import { t } from '@/lib/i18n'
import { IconButton } from '@/ui/button'
import { Menu } from '@/ui/menu'
import { useEditorState } from '../context'
import type { Arrangement } from '../graph/arrange'
import { groupOf } from '../graph/groups'
import { useCanvasActions } from './actions'
import type { Edits } from './use-edits'

function arrangements(): [Arrangement, string][] {
  return [
    ['left', t('Left edges')],
    ['centre', t('Centres')],
    ['right', t('Right edges')],
    ['top', t('Top edges')],
    ['middle', t('Middles')],
    ['bottom', t('Bottom edges')],
  ]
}

/** What can be done with several components at once, over the canvas while several are selected. */
export function SelectionBar({ ids, edits }: { ids: ReadonlySet<string>; edits: Edits }) {
  const { group, ungroup } = useCanvasActions()
  const isGrouped = useEditorState((state) => [...ids].some((id) => groupOf(state.draft.document, id) !== null))
  return (
    <div
      role="toolbar"
      aria-label={t('Selected components')}
      className="absolute top-3 left-1/2 z-10 flex -translate-x-1/2 items-center gap-1 rounded-lg border border-line bg-raised px-2 py-1 shadow-raised"
    >
      <span className="px-1 text-sm whitespace-nowrap text-secondary tabular-nums">{t('{n} selected', { n: ids.size })}</span>
      <Menu
        label={t('Align')}
        trigger={
          <IconButton label={t('Align')}>
            <AlignStartVertical aria-hidden size={15} />
          </IconButton>
        }
        actions={arrangements().map(([id, label]) => ({ id, label, onAction: () => edits.align(ids, id) }))}
      />
      <Menu
        label={t('Distribute')}
        trigger={
          <IconButton label={t('Distribute')} isDisabled={ids.size < 3}>
            <AlignHorizontalDistributeCenter aria-hidden size={15} />
          </IconButton>
        }
        actions={[
          { id: 'columns', label: t('Equal gaps sideways'), onAction: () => edits.align(ids, 'columns') },
          { id: 'rows', label: t('Equal gaps downwards'), onAction: () => edits.align(ids, 'rows') },
        ]}
      />
      <IconButton label={t('Group…')} onPress={() => group(ids)}>
        <Group aria-hidden size={15} />
      </IconButton>
      {isGrouped && (
        <IconButton label={t('Take out of the group')} onPress={() => ungroup(ids)}>
          <Ungroup aria-hidden size={15} />
        </IconButton>
      )}
      <IconButton label={t('Duplicate')} onPress={() => edits.copies(ids)}>
        <CopyPlus aria-hidden size={15} />
      </IconButton>
      <IconButton label={t('Copy as YAML')} onPress={() => void edits.copy(ids)}>
        <Copy aria-hidden size={15} />
      </IconButton>
      <IconButton label={t('Switch on or off')} onPress={() => edits.toggle(ids)}>
        <Power aria-hidden size={15} />
      </IconButton>
      <IconButton label={t('Remove')} onPress={() => edits.remove(ids)}>
        <Trash2 aria-hidden size={15} />
      </IconButton>
    </div>
  )
}
