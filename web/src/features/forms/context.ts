import { createContext, useContext } from 'react'
import type { Finding } from '@/api/gen'
import type { Path } from './values'

export type FormContextValue = {
  /** What the check said about this component. */
  findings: readonly Finding[]
  readOnly: boolean
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
