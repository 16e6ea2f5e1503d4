import type { NodeProps } from '@xyflow/react'
import { Handle, Position } from '@xyflow/react'
import { ChevronDown, ChevronRight, Ellipsis, Group as GroupIcon } from 'lucide-react'
import { memo } from 'react'
import { t } from '@/lib/i18n'
import { IconButton } from '@/ui/button'
import { Menu } from '@/ui/menu'
import { useEditor } from '../context'
import { useCanvasActions } from './actions'
import type { FrameNode } from './frames'
import { useEdits } from './use-edits'

const nothing = () => undefined
const HANDLE = 'size-2.5! rounded-full! border-2! border-surface! bg-control!'

/** A group: a frame around its components, or one card that stands for all of them. */
export const FrameCard = memo(function FrameCard({ data }: NodeProps<FrameNode>) {
  const { name, ids, isCollapsed, isSelected } = data
  const count = t('{n, plural, one {# component} other {# components}}', { n: ids.length })
  if (!isCollapsed) {
    return (
      <section aria-label={t('Group {name}', { name })} className="h-full rounded-xl border border-dashed border-control/70 bg-sunken/60">
        <div className="group-handle pointer-events-auto flex h-8 w-fit max-w-full cursor-grab items-center gap-1 pr-1 pl-1.5">
          <Fold name={name} isCollapsed={isCollapsed} />
          <span className="min-w-0 truncate font-medium" title={count}>
            {name}
          </span>
          <FrameMenu name={name} ids={ids} />
        </div>
      </section>
    )
  }
  return (
    <section
      aria-label={t('Group {name}', { name })}
      className={`group-handle flex h-[50px] cursor-grab items-center gap-1.5 rounded-lg border border-dashed bg-raised px-1.5 shadow-raised outline-2 outline-offset-2 outline-line ${isSelected ? 'border-focus ring-1 ring-focus' : 'border-control'}`}
    >
      <Handle id="in" type="target" position={Position.Left} isConnectable={false} className={HANDLE} />
      <Fold name={name} isCollapsed={isCollapsed} />
      <GroupIcon aria-hidden size={15} className="shrink-0 text-secondary" />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{name}</span>
        <span className="block truncate text-sm text-secondary tabular-nums">{count}</span>
      </span>
      <FrameMenu name={name} ids={ids} />
      <Handle id="out" type="source" position={Position.Right} isConnectable={false} className={HANDLE} />
    </section>
  )
})

function Fold({ name, isCollapsed }: { name: string; isCollapsed: boolean }) {
  const { fold } = useCanvasActions()
  const Icon = isCollapsed ? ChevronRight : ChevronDown
  return (
    <button
      type="button"
      data-fold
      aria-expanded={!isCollapsed}
      aria-label={t('Components of {name}', { name })}
      onClick={() => fold(name, !isCollapsed)}
      className="nodrag flex size-5 shrink-0 cursor-pointer items-center justify-center rounded-md text-secondary hover:bg-hover hover:text-text"
    >
      <Icon aria-hidden size={14} />
    </button>
  )
}

function FrameMenu({ name, ids }: { name: string; ids: string[] }) {
  const { canEdit } = useEditor()
  const { renameGroup, dissolve, choose } = useCanvasActions()
  const edits = useEdits(nothing)
  if (!canEdit) return null
  return (
    <div className="nodrag shrink-0">
      <Menu
        label={t('Group {name}', { name })}
        trigger={
          <IconButton label={t('Actions of group {name}', { name })}>
            <Ellipsis aria-hidden size={14} />
          </IconButton>
        }
        actions={[
          { id: 'rename', label: t('Rename…'), onAction: () => renameGroup(name) },
          { id: 'choose', label: t('Select its components'), onAction: () => choose(name, ids) },
          { id: 'duplicate', label: t('Duplicate'), onAction: () => edits.copies(new Set(ids)) },
          { id: 'copy', label: t('Copy as YAML'), onAction: () => void edits.copy(new Set(ids)) },
          { id: 'dissolve', label: t('Dissolve the group'), onAction: () => dissolve(name) },
        ]}
      />
    </div>
  )
}
