import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { ProgramDiagnostic } from '@/api/gen'
import { checkProgram } from '@/api/gen'
import { useScope } from '@/app/scope'

export type ProgramKind = 'program' | 'condition'

const PAUSE_MS = 150

/** What the compiler says about a program, shortly after it was changed. */
export function useDiagnostics(program: string, kind: ProgramKind, enabled: boolean): readonly ProgramDiagnostic[] {
  const { org, env } = useScope()
  const [settled, setSettled] = useState(program)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(program), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [program])
  const check = useQuery({
    queryKey: ['program', org, env, kind, settled],
    enabled: enabled && settled.trim() !== '',
    queryFn: async ({ signal }) => (await checkProgram({ path: { org, env }, body: { program: settled, kind }, signal, throwOnError: true })).data.diagnostics,
    staleTime: Infinity,
    gcTime: 60_000,
    retry: false,
  })
  return settled === program ? (check.data ?? []) : []
}
