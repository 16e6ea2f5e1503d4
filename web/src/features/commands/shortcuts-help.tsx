import { t } from '@/lib/i18n'
import { commandKey } from '@/lib/platform'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'

function shortcuts(): { title: string; keys: [string, string][] }[] {
  const key = commandKey()
  return [
    {
      title: t('Everywhere'),
      keys: [
        [`${key}K`, t('Go to or do anything')],
        ['?', t('This help')],
        ['/', t('Search on this page')],
        ['Esc', t('Close what is open')],
      ],
    },
    {
      title: t('In the editor'),
      keys: [
        ['A', t('Add a component, behind the selected one')],
        ['C', t('Connect the selected component')],
        ['← → ↑ ↓', t('Onto the canvas, along connections and between neighbours')],
        ['↵ ↵', t('Select a component, and go into its options')],
        ['Esc', t('Back from the options to the component')],
        ['D', t('Switch what is selected off or on')],
        ['G, ⇧G', t('Group what is selected, or take it out of its group')],
        ['⇧ ', t('Hold while dragging to select several')],
        [`${key}A`, t('Select all')],
        [`${key}C, ${key}X, ${key}V`, t('Copy, cut and paste components as YAML, from anywhere')],
        [`${key}D`, t('Duplicate')],
        ['Del', t('Remove what is selected')],
        [`${key}S`, t('Save')],
        [`${key}Z`, t('Undo')],
        [key === '⌘' ? '⇧⌘Z' : 'Ctrl Y', t('Redo')],
      ],
    },
  ]
}

/** All keyboard shortcuts. */
export function ShortcutsHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t('Keyboard shortcuts')} isOpen isText width="wide" onClose={onClose} footer={<Button onPress={onClose}>{t('Close')}</Button>}>
      {shortcuts().map(({ title, keys }) => (
        <section key={title} className="mb-3">
          <h3 className="mb-1 font-medium">{title}</h3>
          <dl className="grid grid-cols-[minmax(6rem,30%)_1fr] gap-x-4 gap-y-1">
            {keys.map(([key, words]) => (
              <div key={key} className="contents">
                <dt>
                  <kbd className="font-mono text-sm text-secondary">{key}</kbd>
                </dt>
                <dd>{words}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  )
}
