import type { ReactNode } from 'react'
import { use } from 'react'
import type { ButtonProps as AriaButtonProps } from 'react-aria-components'
import { Button as AriaButton, Tooltip, TooltipTrigger, TooltipTriggerStateContext } from 'react-aria-components'

export type ButtonVariant = 'primary' | 'secondary' | 'quiet' | 'danger'

const VARIANTS: Record<ButtonVariant, string> = {
  primary: 'bg-primary text-on-primary hover:opacity-90',
  secondary: 'border border-control/50 bg-surface text-text hover:bg-hover',
  quiet: 'text-secondary hover:bg-hover hover:text-text',
  danger: 'border border-bad/50 text-bad hover:bg-bad-tint',
}

/** The classes of a button, for links that look like one. */
export function buttonClass(variant: ButtonVariant = 'secondary', extra = ''): string {
  return [
    'inline-flex h-7 shrink-0 cursor-pointer items-center justify-center gap-1.5 rounded-md px-2.5 font-medium whitespace-nowrap pointer-coarse:h-10',
    'transition-colors duration-120 disabled:cursor-default disabled:opacity-45 data-[disabled]:cursor-default data-[disabled]:opacity-45',
    VARIANTS[variant],
    extra,
  ].join(' ')
}

type ButtonProps = Omit<AriaButtonProps, 'className' | 'children' | 'style'> & {
  variant?: ButtonVariant
  className?: string
  children: ReactNode
}

/** A button with words. */
export function Button({ variant = 'secondary', className = '', children, ...rest }: ButtonProps) {
  return (
    <AriaButton {...rest} className={buttonClass(variant, className)}>
      {children}
    </AriaButton>
  )
}

type IconButtonProps = Omit<ButtonProps, 'aria-label'> & { label: string }

/** A button with only an icon; its label is its name and its tooltip. */
export function IconButton({ label, className = '', variant = 'quiet', children, ...rest }: IconButtonProps) {
  return (
    <TooltipTrigger delay={500}>
      <AriaButton {...rest} aria-label={label} className={buttonClass(variant, `w-7 px-0! pointer-coarse:w-10 ${className}`)}>
        {children}
      </AriaButton>
      <Hint>{label}</Hint>
    </TooltipTrigger>
  )
}

/** The tooltip itself, for use inside a `TooltipTrigger`. */
export function Hint({ children }: { children: ReactNode }) {
  // The library waits for the end of an animation that one which made room for another never begins, and shows it again
  // for ever once the pointer leaves. Ours have no animation: what is closed is gone.
  if (use(TooltipTriggerStateContext)?.isOpen !== true) return null
  return (
    <Tooltip offset={6} className="max-w-72 rounded-md bg-primary px-2 py-1 text-sm text-on-primary shadow-raised">
      {children}
    </Tooltip>
  )
}
