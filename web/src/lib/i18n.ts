import { setupI18n } from '@lingui/core'
import { compileMessage } from '@lingui/message-utils/compileMessage'

/** The language layer: source strings are English ICU messages and are their own ids. */
export const i18n = setupI18n({ locale: 'en', messages: { en: {} } })

const compiled = new Map<string, ReturnType<typeof compileMessage>>()

// Live figures ask for the same few messages thousands of times a second.
i18n.setMessagesCompiler((message) => {
  const known = compiled.get(message)
  if (known !== undefined) return known
  const made = compileMessage(message)
  compiled.set(message, made)
  return made
})

/** Translates an ICU message; values are put in as text. */
export function t(message: string, values?: Record<string, string | number>): string {
  return i18n._(message, values)
}
