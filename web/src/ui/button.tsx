import type { ReactNode } from 'react'
import type { ButtonProps as AriaButtonProps } from 'react-aria-components'
import { Button as AriaButton, Tooltip, TooltipTrigger } from 'react-aria-components'

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
  return (
    <Tooltip
      offset={6}
      // One that is closed before it has its place is left behind by the library; nothing of it may be found then.
      className="max-w-72 rounded-md bg-primary px-2 py-1 text-sm text-on-primary shadow-raised data-[exiting]:hidden"
    >
      {children}
    </Tooltip>
  )
}
