import { Check, ChevronsUpDown } from 'lucide-react'
import {
  Button as AriaButton,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Select as AriaSelect,
  SelectValue,
} from 'react-aria-components'
import { LABEL_CLASS } from './field'

export type Choice = { id: string; label: string; hint?: string }

export const POPOVER_CLASS = 'rounded-lg border border-line bg-raised p-1 shadow-raised outline-none'
export const ITEM_CLASS =
  'flex cursor-pointer items-center gap-2 rounded-md px-2 py-1 outline-none pointer-coarse:py-2.5 data-[focused]:bg-hover data-[disabled]:cursor-default data-[disabled]:opacity-50'

type SelectProps = {
  label: string
  value: string | null
  choices: Choice[]
  onChange: (value: string) => void
  hideLabel?: boolean
  placeholder?: string
  isDisabled?: boolean
  className?: string
  mono?: boolean
}

/** A labelled choice of one from a list. */
export function Select(props: SelectProps) {
  const { label, value, choices, onChange, hideLabel, placeholder, isDisabled, className = '', mono } = props
  return (
    <AriaSelect
      value={value}
      onChange={(key) => key != null && onChange(String(key))}
      isDisabled={isDisabled ?? false}
      placeholder={placeholder ?? '–'}
      className={`flex flex-col gap-1 outline-none ${className}`}
    >
      <Label className={hideLabel ? 'sr-only' : LABEL_CLASS}>{label}</Label>
      <AriaButton className="flex h-7 w-full cursor-pointer pointer-coarse:h-10 items-center gap-1.5 rounded-md border border-control/60 bg-surface px-2 text-left hover:border-control data-[disabled]:opacity-50">
        <SelectValue className={`min-w-0 flex-1 truncate data-[placeholder]:text-secondary ${mono ? 'font-mono text-sm' : ''}`}>
          {({ isPlaceholder, selectedText, defaultChildren }) => (isPlaceholder ? defaultChildren : selectedText)}
        </SelectValue>
        <ChevronsUpDown aria-hidden size={13} className="shrink-0 text-secondary" />
      </AriaButton>
      <Popover className={`${POPOVER_CLASS} max-h-80 min-w-(--trigger-width) overflow-auto`}>
        <ListBox items={choices} className="outline-none">
          {(choice) => (
            <ListBoxItem id={choice.id} textValue={choice.label} className={ITEM_CLASS}>
              {({ isSelected }) => (
                <>
                  <span className={`flex-1 ${mono ? 'font-mono text-sm' : ''}`}>{choice.label}</span>
                  {choice.hint !== undefined && <span className="text-sm text-secondary">{choice.hint}</span>}
                  <Check aria-hidden size={14} className={isSelected ? '' : 'invisible'} />
                </>
              )}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  )
}
