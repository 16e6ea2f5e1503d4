import type { ReactElement, ReactNode } from 'react'
import { Menu as AriaMenu, MenuItem, MenuTrigger, Popover } from 'react-aria-components'
import { ITEM_CLASS, POPOVER_CLASS } from './select'

export type MenuAction = {
  id: string
  label: string
  icon?: ReactNode
  danger?: boolean
  disabled?: boolean
  hint?: string
  onAction: () => void
}

/** A menu of actions that opens from a button. */
export function Menu({ trigger, actions, label }: { trigger: ReactElement; actions: MenuAction[]; label: string }) {
  const hasIcons = actions.some((action) => action.icon !== undefined)
  return (
    <MenuTrigger>
      {trigger}
      <Popover className={`${POPOVER_CLASS} min-w-44`}>
        <AriaMenu aria-label={label} className="outline-none" disabledKeys={actions.filter((a) => a.disabled).map((a) => a.id)}>
          {actions.map((action) => (
            <MenuItem
              key={action.id}
              id={action.id}
              textValue={action.label}
              onAction={action.onAction}
              className={`${ITEM_CLASS} ${action.danger ? 'text-bad' : ''}`}
            >
              {hasIcons && (
                <span aria-hidden className="flex w-4 justify-center text-secondary">
                  {action.icon}
                </span>
              )}
              <span className="flex-1">{action.label}</span>
              {action.hint !== undefined && <span className="text-sm text-secondary">{action.hint}</span>}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  )
}
