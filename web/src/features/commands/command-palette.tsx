import { useState } from 'react'
import { Autocomplete, Input, ListBox, ListBoxItem, SearchField as AriaSearchField } from 'react-aria-components'
import { t } from '@/lib/i18n'
import { Dialog } from '@/ui/dialog'
import { INPUT_CLASS } from '@/ui/field'
import { ITEM_CLASS } from '@/ui/select'
import type { Command } from './registry'
import { findCommands } from './registry'
import { useCommands } from './use-commands'

function groupName(group: Command['group']): string {
  return { actions: t('Action'), pages: t('Page'), pipelines: t('Pipeline'), environments: t('Environment') }[group]
}

/** Finds pages, pipelines, environments and actions by typing; what is not possible now says why. */
export function CommandPalette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState('')
  const items = findCommands(useCommands(query), query)
  const choose = (id: string) => {
    const command = items.find((each) => each.id === id)
    onClose()
    command?.run()
  }
  return (
    <Dialog title={t('Go to or do')} isOpen onClose={onClose}>
      <Autocomplete inputValue={query} onInputChange={setQuery}>
        <AriaSearchField aria-label={t('Search commands')} autoFocus>
          <Input role="combobox" aria-expanded className={`${INPUT_CLASS} h-8`} placeholder={t('A page, a pipeline, an environment, an action')} />
        </AriaSearchField>
        <ListBox
          aria-label={t('Commands')}
          items={items}
          disabledKeys={items.filter((each) => each.refusal != null).map((each) => each.id)}
          onAction={(key) => choose(String(key))}
          renderEmptyState={() => <p className="p-2 text-secondary">{t('Nothing matches.')}</p>}
          className="mt-2 h-80 overflow-auto outline-none"
        >
          {(command) => (
            <ListBoxItem id={command.id} textValue={command.label} className={`${ITEM_CLASS} data-[disabled]:opacity-100`}>
              <span className="min-w-0 flex-1">
                <span className={`[overflow-wrap:anywhere] ${command.refusal == null ? '' : 'text-secondary'}`}>{command.label}</span>
                {command.refusal != null && <span className="block text-sm text-secondary">{command.refusal}</span>}
              </span>
              <span className="shrink-0 text-sm text-secondary">{command.hint ?? groupName(command.group)}</span>
            </ListBoxItem>
          )}
        </ListBox>
      </Autocomplete>
    </Dialog>
  )
}
