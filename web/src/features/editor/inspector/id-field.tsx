import { useState } from 'react'
import { t } from '@/lib/i18n'
import { TextField } from '@/ui/field'
import { useEditor, useEditorState } from '../context'
import { idRefusal, renameComponent } from '../graph/operations'
import type { Component } from '../graph/types'

function words(refusal: 'form' | 'reserved' | 'taken' | null): string | undefined {
  switch (refusal) {
    case 'form':
      return t('Letters, digits, _ and -, not beginning with a digit.')
    case 'reserved':
      return t('This name is reserved.')
    case 'taken':
      return t('Another component has this id.')
    default:
      return undefined
  }
}

/** The id of a component; a new one is taken over on Enter or on leaving the field, with all edges. */
export function IdField({ component }: { component: Component }) {
  const { store, canEdit, select } = useEditor()
  const graph = useEditorState((state) => state.draft.document)
  const [typed, setTyped] = useState<{ for: string; text: string } | null>(null)
  const text = typed?.for === component.id ? typed.text : component.id
  const refusal = idRefusal(graph, text, component.id)
  const commit = () => {
    setTyped(null)
    if (refusal !== null || text === component.id) return
    store.getState().change(t('Rename {id}', { id: component.id }), (draft) => ({
      ...draft,
      document: renameComponent(draft.document, component.id, text),
    }))
    select(text)
  }
  return (
    <div onBlur={commit} onKeyDown={(event) => event.key === 'Enter' && commit()}>
      <TextField
        label={t('Id')}
        mono
        isDisabled={!canEdit}
        value={text}
        error={words(refusal)}
        onChange={(next) => setTyped({ for: component.id, text: next })}
      />
    </div>
  )
}
