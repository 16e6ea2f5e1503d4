import { setupI18n } from '@lingui/core'
import { compileMessage } from '@lingui/message-utils/compileMessage'

/** The language layer: source strings are English ICU messages and are their own ids. */
export const i18n = setupI18n({ locale: 'en', messages: { en: {} } })
i18n.setMessagesCompiler(compileMessage)

/** Translates an ICU message; values are put in as text. */
export function t(message: string, values?: Record<string, string | number>): string {
  return i18n._(message, values)
}
