import { Check, Minus } from 'lucide-react'
import { Checkbox as AriaCheckbox } from 'react-aria-components'

type CheckboxProps = { label: string; isSelected: boolean; isIndeterminate?: boolean; onChange: (value: boolean) => void; hideLabel?: boolean }

/** A choice of one thing among several; takes effect with what is done next. */
export function Checkbox({ label, hideLabel = false, ...rest }: CheckboxProps) {
  return (
    <AriaCheckbox {...rest} aria-label={label} className="group relative inline-flex min-h-6 min-w-6 cursor-pointer items-center gap-2 pointer-coarse:min-h-10 pointer-coarse:min-w-10">
      {({ isSelected, isIndeterminate }) => (
        <>
          <span className="flex size-4 shrink-0 items-center justify-center rounded-sm border border-control bg-surface group-data-[focus-visible]:outline-2 group-data-[focus-visible]:outline-offset-1 group-data-[focus-visible]:outline-focus group-data-[selected]:border-transparent group-data-[selected]:bg-focus group-data-[selected]:text-surface">
            {isIndeterminate ? <Minus aria-hidden size={12} /> : isSelected ? <Check aria-hidden size={12} /> : null}
          </span>
          {!hideLabel && <span>{label}</span>}
        </>
      )}
    </AriaCheckbox>
  )
}
