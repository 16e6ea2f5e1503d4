import { Search, X } from 'lucide-react'
import type { ReactNode } from 'react'
import {
  Button as AriaButton,
  FieldError,
  Input,
  Label,
  SearchField as AriaSearchField,
  Text,
  TextArea,
  TextField as AriaTextField,
} from 'react-aria-components'
import { t } from '@/lib/i18n'

export const INPUT_CLASS =
  'w-full min-w-0 rounded-md border border-control/60 bg-surface px-2 py-1 text-text placeholder:text-secondary hover:border-control disabled:opacity-50 data-[invalid]:border-bad'
export const LABEL_CLASS = 'flex items-baseline gap-1.5 text-sm font-medium text-text'

type TextFieldProps = {
  label: string
  value: string
  onChange: (value: string) => void
  hint?: ReactNode
  error?: string | undefined
  type?: 'text' | 'email' | 'password' | 'number' | 'date'
  name?: string
  autoComplete?: string
  autoFocus?: boolean
  /** Typing replaces what is there, as where a name is only proposed. */
  selectOnFocus?: boolean
  isRequired?: boolean
  isDisabled?: boolean
  rows?: number
  mono?: boolean
  placeholder?: string
  hideLabel?: boolean
  maxLength?: number
}

/** A labelled text input, one line or (with `rows`) several. */
export function TextField(props: TextFieldProps) {
  const { label, hint, error, rows, mono, placeholder, hideLabel, selectOnFocus = false, ...rest } = props
  const inputClass = `${INPUT_CLASS} ${mono ? 'font-mono text-sm' : ''}`
  return (
    <AriaTextField {...rest} isInvalid={error !== undefined} className="flex flex-col gap-1" validationBehavior="aria">
      <Label className={hideLabel ? 'sr-only' : LABEL_CLASS}>{label}</Label>
      {rows === undefined ? (
        <Input
          className={`${inputClass} h-7 pointer-coarse:h-10`}
          placeholder={placeholder ?? ''}
          spellCheck={false}
          onFocus={(event) => selectOnFocus && event.currentTarget.select()}
        />
      ) : (
        <TextArea className={`${inputClass} resize-y`} rows={rows} placeholder={placeholder ?? ''} spellCheck={false} />
      )}
      {hint != null && (
        <Text slot="description" className="text-sm text-secondary">
          {hint}
        </Text>
      )}
      <FieldError className="text-sm text-bad">{error}</FieldError>
    </AriaTextField>
  )
}

type SearchFieldProps = {
  label: string
  value: string
  onChange: (value: string) => void
  className?: string
  autoFocus?: boolean
}

/** A search box; Escape clears it. */
export function SearchField({ label, value, onChange, className = '', autoFocus = false }: SearchFieldProps) {
  return (
    <AriaSearchField
      aria-label={label}
      value={value}
      onChange={onChange}
      autoFocus={autoFocus}
      className={`group relative ${className}`}
    >
      <Search aria-hidden size={14} className="pointer-events-none absolute top-1.5 left-2 text-secondary pointer-coarse:top-3" />
      <Input
        placeholder={label}
        data-search
        spellCheck={false}
        className={`${INPUT_CLASS} h-7 px-7! pointer-coarse:h-10 [&::-webkit-search-cancel-button]:hidden`}
      />
      <AriaButton
        aria-label={t('Clear')}
        className="absolute top-1 right-1 rounded-sm p-0.5 text-secondary group-data-[empty]:hidden hover:text-text pointer-coarse:top-0 pointer-coarse:right-0 pointer-coarse:p-3"
      >
        <X aria-hidden size={14} />
      </AriaButton>
    </AriaSearchField>
  )
}
