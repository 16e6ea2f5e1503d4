import type { Condition } from '@/api/gen'

const CONDITION = /^\s*(\.?[\w.-]+)\s*(!=|=|~|<|>|\?)\s*(.*?)\s*$/s
const OPERATORS = { '=': 'eq', '!=': 'ne', '~': 'contains', '<': 'lt', '>': 'gt', '?': 'exists' } as const

const VRL = /^\s*vrl:\s*(.*\S)\s*$/

/** Conditions from text, one on each line, such as `level=error` or `vrl: .a == .b`; or the first line that is none. */
export function conditionsFrom(text: string): { where: Condition[]; problem: string | null } {
  const where: Condition[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const program = VRL.exec(line)?.[1]
    if (program !== undefined) {
      where.push({ path: '.', operator: 'vrl', value: program })
      continue
    }
    const match = CONDITION.exec(line)
    if (match === null) return { where, problem: line.trim() }
    const [, path = '', operator = '=', value = ''] = match
    where.push({ path, operator: OPERATORS[operator as keyof typeof OPERATORS], value })
  }
  return { where, problem: null }
}
