import type { Finding } from '@/api/gen'

/** The line (from 1) on which a component begins in compiled YAML. */
export function lineOf(text: string, component: string): number | null {
  const index = text.split('\n').findIndex((line) => line === `  ${component}:` || line === `  "${component}":`)
  return index < 0 ? null : index + 1
}

/** The line of a finding in the compiled YAML: the check's own, else where its component or option begins. */
export function lineOfFinding(text: string, finding: Finding): number | null {
  if (finding.line != null) return finding.line
  if (finding.component == null) return null
  const begin = lineOf(text, finding.component)
  const [option] = finding.path ?? []
  if (begin === null || typeof option !== 'string') return begin
  const lines = text.split('\n')
  for (let at = begin; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    // The next component, or the next part of the file.
    if (/^ {0,2}\S/.test(line)) break
    if (line.startsWith(`    ${option}:`)) return at + 1
  }
  return begin
}
