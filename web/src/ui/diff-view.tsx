import { MergeView, unifiedMergeView } from '@codemirror/merge'
import { EditorState } from '@codemirror/state'
import { EditorView, lineNumbers } from '@codemirror/view'
import { useEffect, useRef } from 'react'
import { t } from '@/lib/i18n'
import { codeBasics } from './code-editor'

const WIDE = 760

type DiffViewProps = { before: string; after: string; beforeLabel: string; afterLabel: string }

/** Two versions of a YAML text: side by side where there is room, else in one column. Equal parts are folded. */
export function DiffView({ before, after, beforeLabel, afterLabel }: DiffViewProps) {
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const parent = host.current
    if (parent === null) return undefined
    const readOnly = [lineNumbers(), EditorState.readOnly.of(true)]
    const collapse = { margin: 4, minSize: 8 }
    if (parent.clientWidth < WIDE) {
      const view = new EditorView({
        parent,
        doc: after,
        extensions: [
          codeBasics('yaml', afterLabel),
          readOnly,
          unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: collapse }),
        ],
      })
      return () => view.destroy()
    }
    const view = new MergeView({
      parent,
      a: { doc: before, extensions: [codeBasics('yaml', beforeLabel), readOnly] },
      b: { doc: after, extensions: [codeBasics('yaml', afterLabel), readOnly] },
      collapseUnchanged: collapse,
    })
    return () => view.destroy()
  }, [before, after, beforeLabel, afterLabel])
  if (before === after) return <p className="py-3 text-secondary">{t('The two are the same.')}</p>
  return (
    <div className="overflow-hidden rounded-md border">
      <div className="@container border-b bg-sunken px-3 py-1 text-sm text-secondary">
        <div className="flex gap-2">
          <span className="@[734px]:flex-1">{beforeLabel}</span>
          <span aria-hidden className="@[734px]:hidden">
            →
          </span>
          <span className="@[734px]:flex-1">{afterLabel}</span>
        </div>
      </div>
      <div ref={host} className="max-h-[60vh] overflow-auto" />
    </div>
  )
}
