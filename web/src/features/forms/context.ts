import type { ComponentType } from 'react'
import { createContext, useContext } from 'react'
import type { Finding } from '@/api/gen'
import type { ControlProps } from './option-field'
import type { Path } from './values'

export type FormContextValue = {
  /** What the check said about this component. */
  findings: readonly Finding[]
  readOnly: boolean
  /** How programs are edited where there is a compiler; plain text elsewhere. */
  program?: ComponentType<ControlProps>
  /** Settles a finding by a click: what the button says, or null, and doing it. */
  fixes?: { offer: (finding: Finding) => string | null; apply: (finding: Finding) => Promise<void> }
}

export const FormContext = createContext<FormContextValue>({ findings: [], readOnly: false })

function startsWith(path: readonly unknown[], prefix: Path): boolean {
  return prefix.every((step, index) => String(path[index]) === String(step))
}

/** The findings at a place of the form: exactly there, or anywhere within. */
export function useFindings(path: Path, within: boolean): Finding[] {
  const { findings } = useContext(FormContext)
  return findings.filter(({ path: at = [] }) => startsWith(at, path) && (within || at.length === path.length))
}
