import { Switch as AriaSwitch } from 'react-aria-components'

type SwitchProps = {
  label: string
  /** What is seen of the label, which begins with it, where the rest stands beside the switch. */
  words?: string
  isSelected: boolean
  onChange: (value: boolean) => void
  hideLabel?: boolean
  isDisabled?: boolean
}

/** An on/off choice that takes effect at once. */
export function Switch({ label, words = label, hideLabel = false, ...rest }: SwitchProps) {
  return (
    <AriaSwitch {...rest} aria-label={label} className={`group inline-flex cursor-pointer items-center gap-2 data-[disabled]:opacity-50 pointer-coarse:min-h-10 ${hideLabel ? 'justify-center pointer-coarse:min-w-10' : ''}`}>
      <span className="flex h-4 w-7 shrink-0 items-center rounded-full border border-control bg-sunken p-px transition-colors duration-120 group-data-[selected]:border-transparent group-data-[selected]:bg-focus group-data-[focus-visible]:outline-2 group-data-[focus-visible]:outline-offset-1 group-data-[focus-visible]:outline-focus">
        <span className="size-3 rounded-full bg-control transition-transform duration-120 group-data-[selected]:translate-x-3 group-data-[selected]:bg-surface" />
      </span>
      {!hideLabel && <span>{words}</span>}
    </AriaSwitch>
  )
}
