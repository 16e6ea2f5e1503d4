import { useReactFlow } from '@xyflow/react'
import type { ReactElement } from 'react'
import { useMemo, useState } from 'react'
import { t } from '@/lib/i18n'
import { useEditor } from '../context'
import { dissolve, group, renameGroup, setCollapsed, ungroup } from '../graph/groups'
import type { Document } from '../graph/types'
import type { CanvasActions } from './actions'
import type { CanvasNode } from './frames'
import { GroupDialog } from './group-dialog'

type GroupActions = Pick<CanvasActions, 'group' | 'ungroup' | 'renameGroup' | 'dissolve' | 'fold' | 'choose'>
type Asked = { kind: 'members'; ids: ReadonlySet<string> } | { kind: 'name'; name: string }

/** What can be done with groups on the canvas, each one step to undo, and the dialog that asks for a name. */
export function useGroups(): { actions: GroupActions; dialog: ReactElement | null } {
  const { store, canEdit, select } = useEditor()
  const flow = useReactFlow<CanvasNode>()
  const [asked, setAsked] = useState<Asked | null>(null)
  const actions = useMemo((): GroupActions => {
    const change = (label: string, next: (document: Document) => Document) =>
      store.getState().change(label, (draft) => {
        const document = next(draft.document)
        return document === draft.document ? draft : { ...draft, document }
      })
    const fold = (name: string, isCollapsed: boolean) => {
      if (canEdit) change(isCollapsed ? t('Fold {name}', { name }) : t('Unfold {name}', { name }), (document) => setCollapsed(document, name, isCollapsed))
      // Who may only look folds what they look at, and nothing waits to be saved.
      else
        store.setState(({ draft }) => {
          const own = { ...draft, document: setCollapsed(draft.document, name, isCollapsed) }
          return { draft: own, saved: own }
        })
    }
    return {
      group: (ids) => setAsked({ kind: 'members', ids }),
      ungroup: (ids) => change(t('Take out of the group'), (document) => ungroup(document, ids)),
      renameGroup: (name) => setAsked({ kind: 'name', name }),
      dissolve: (name) => change(t('Dissolve the group'), (document) => dissolve(document, name)),
      fold,
      choose: (name, ids) => {
        if (store.getState().draft.document.groups[name]?.collapsed === true) fold(name, false)
        select(undefined)
        const wanted = new Set(ids)
        // The cards of a group that was folded exist after the next frame.
        requestAnimationFrame(() => flow.setNodes((nodes) => nodes.map((node) => ({ ...node, selected: wanted.has(node.id) }))))
      },
    }
  }, [store, canEdit, select, flow])
  const confirm = (name: string) => {
    if (asked === null) return
    store.getState().change(asked.kind === 'name' ? t('Rename the group') : t('Group'), (draft) => ({
      ...draft,
      document: asked.kind === 'name' ? renameGroup(draft.document, asked.name, name) : group(draft.document, name, asked.ids),
    }))
    setAsked(null)
  }
  const dialog =
    asked === null ? null : <GroupDialog rename={asked.kind === 'name' ? asked.name : null} count={asked.kind === 'members' ? asked.ids.size : 0} onClose={() => setAsked(null)} onConfirm={confirm} />
  return { actions, dialog }
}
