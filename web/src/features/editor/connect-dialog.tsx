import { ListBox, ListBoxItem } from 'react-aria-components'
import { t } from '@/lib/i18n'
import { Dialog } from '@/ui/dialog'
import { ITEM_CLASS } from '@/ui/select'
import { useEditor, useEditorState } from './context'
import { connectionRefusal, portLabel } from './graph/connect'
import { connect } from './graph/operations'
import { portsOf } from './graph/ports'

/** Connects by keyboard: every output with every other component, and the reason where it is not possible. */
export function ConnectDialog({ from, onClose }: { from: string | null; onClose: () => void }) {
  const { specs } = useEditor()
  const graph = useEditorState((state) => state.draft.document)
  const change = useEditorState((state) => state.change)
  const source = graph.components.find((each) => each.id === from)
  const choices =
    source === undefined
      ? []
      : portsOf(source, specs.get(source)).flatMap((port) =>
          graph.components
            .filter((each) => each.kind !== 'source' && each.id !== source.id)
            .map((target) => {
              const edge = { source: source.id, port: port.name, target: target.id }
              return { id: `${port.name}>${target.id}`, edge, refusal: connectionRefusal(graph, specs, edge) }
            }),
        )
  const choose = (key: string) => {
    const choice = choices.find((each) => each.id === key)
    if (choice?.refusal === null) change(t('Connect'), (draft) => ({ ...draft, document: connect(draft.document, choice.edge) }))
    onClose()
  }
  return (
    <Dialog title={t('Connect {id} to', { id: from ?? '' })} isOpen={from !== null} onClose={onClose}>
      <ListBox
        aria-label={t('Connections')}
        autoFocus="first"
        items={choices}
        disabledKeys={choices.filter((each) => each.refusal !== null).map((each) => each.id)}
        onAction={(key) => choose(String(key))}
        renderEmptyState={() => <p className="text-secondary">{t('There is nothing to connect to.')}</p>}
        className="max-h-96 overflow-auto outline-none"
      >
        {({ id, edge, refusal }) => (
          <ListBoxItem id={id} textValue={edge.target} className={ITEM_CLASS}>
            <span className="min-w-0">
              <span className="font-mono text-sm">
                {portLabel(edge.port)} → {edge.target}
              </span>
              {refusal !== null && <span className="block text-sm text-secondary">{refusal}</span>}
            </span>
          </ListBoxItem>
        )}
      </ListBox>
    </Dialog>
  )
}
