import type { Document } from './types'

type Groups = Document['groups']

const MARK = '# vectorflow:group '
// YAML ends a line, and so a comment, at these too.
const LINE_ENDS = /[\u0085\u2028\u2029]/g

/** A configuration with a comment for each group, since Vector knows none. */
export function withGroupLines(text: string, groups: Groups): string {
  const lines = Object.entries(groups).map(([name, { members = [], collapsed = false }]) => {
    const plain = JSON.stringify({ name, members, collapsed })
    return MARK + plain.replace(LINE_ENDS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
  })
  return lines.length === 0 ? text : `${text.replace(/\n*$/, '\n')}${lines.join('\n')}\n`
}

function read(line: string): [string, Groups[string]] | null {
  try {
    const value: unknown = JSON.parse(line.slice(MARK.length))
    if (typeof value !== 'object' || value === null || !('name' in value) || !('members' in value)) return null
    const { name, members } = value
    if (typeof name !== 'string' || name === '' || !Array.isArray(members) || !members.every((each) => typeof each === 'string')) return null
    return [name, { members, collapsed: 'collapsed' in value && value.collapsed === true }]
  } catch {
    // Somebody's own comment.
    return null
  }
}

/** The groups that comments of a configuration tell of, and the text without them; another text stays as it is. */
export function groupLines(text: string): { text: string; groups: Groups } {
  const groups: [string, Groups[string]][] = []
  const kept = text.split('\n').filter((line) => {
    const found = line.startsWith(MARK) ? read(line) : null
    if (found !== null) groups.push(found)
    return found === null
  })
  return groups.length === 0 ? { text, groups: {} } : { text: kept.join('\n'), groups: Object.fromEntries(groups) }
}
