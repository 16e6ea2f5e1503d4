import { Copy, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { ConfirmDialog, Dialog } from '@/ui/dialog'
import { Menu } from '@/ui/menu'
import { Section } from '@/ui/page'
import { TabbedPane } from '@/ui/tabs'
import { notify, notifyError } from '@/ui/toast'

type Tab = 'one' | 'two'

/** What opens over a page, and what shares one place. */
export function Overlays() {
  const [open, setOpen] = useState<'dialog' | 'question' | null>(null)
  const [tab, setTab] = useState<Tab>('one')
  const close = () => setOpen(null)
  const nothing = () => undefined
  return (
    <Section title={t('Dialogs, menus, tabs, messages')}>
      <div className="flex flex-wrap items-center gap-3">
        <Button onPress={() => setOpen('dialog')}>{t('Open a dialog')}</Button>
        <Button variant="danger" onPress={() => setOpen('question')}>
          {t('Ask first')}
        </Button>
        <Menu
          label={t('Menu')}
          trigger={<Button>{t('Open a menu')}</Button>}
          actions={[
            { id: 'copy', label: t('Copy'), icon: <Copy size={14} />, hint: '⌘C', onAction: nothing },
            { id: 'no', label: t('Not now'), disabled: true, onAction: nothing },
            { id: 'delete', label: t('Delete…'), danger: true, icon: <Trash2 size={14} />, onAction: nothing },
          ]}
        />
        <Button onPress={() => notify(t('Saved.'))}>{t('Say something')}</Button>
        <Button onPress={() => notifyError(new Error(t('It could not be saved.')))}>{t('Say that it failed')}</Button>
      </div>
      <div className="mt-4 h-32 max-w-md overflow-hidden rounded-md border">
        <TabbedPane
          label={t('Tabs')}
          value={tab}
          tabs={[
            { id: 'one', label: t('Component') },
            { id: 'two', label: t('Findings'), count: 3 },
          ]}
          onChange={setTab}
        >
          <p className="p-4 text-secondary">{tab === 'one' ? t('The first tab.') : t('The second tab.')}</p>
        </TabbedPane>
      </div>
      <Dialog title={t('A dialog')} isOpen={open === 'dialog'} onClose={close} footer={<Button onPress={close}>{t('Close')}</Button>}>
        <p>{t('Escape, a click beside it, or the button closes it.')}</p>
      </Dialog>
      <ConfirmDialog title={t('Delete it?')} isOpen={open === 'question'} onClose={close} onConfirm={close} confirmLabel={t('Delete')}>
        <p>{t('What goes, and what stays.')}</p>
      </ConfirmDialog>
    </Section>
  )
}
