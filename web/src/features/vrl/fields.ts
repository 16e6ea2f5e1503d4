export type Event = Record<string, unknown>
export type FieldChange = { path: string; before: string | null; after: string | null; state: 'added' | 'removed' | 'changed' | 'same' }

const PLAIN = /^[A-Za-z_@][A-Za-z0-9_@]*$/

function step(parent: string, key: string): string {
  return `${parent}.${PLAIN.test(key) ? key : JSON.stringify(key)}`
}

function walk(value: unknown, path: string, found: Map<string, string>): void {
  if (Array.isArray(value) && value.length > 0) value.forEach((each, index) => walk(each, `${path === '' ? '.' : path}[${index}]`, found))
  else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [key, each] of Object.entries(value)) walk(each, step(path, key), found)
  } else found.set(path === '' ? '.' : path, JSON.stringify(value))
}

/** Every field of an event by its path in VRL, with its value as JSON. */
export function fieldsOf(event: unknown): Map<string, string> {
  const found = new Map<string, string>()
  walk(event, '', found)
  return found
}

/** Field by field what became of an event; in the order of the fields, what is new at its place in the alphabet. */
export function changesOf(before: unknown, after: unknown): FieldChange[] {
  const old = fieldsOf(before)
  const now = fieldsOf(after)
  return [...new Set([...old.keys(), ...now.keys()])].sort().map((path): FieldChange => {
    const [was, is] = [old.get(path) ?? null, now.get(path) ?? null]
    const state = was === null ? 'added' : is === null ? 'removed' : was === is ? 'same' : 'changed'
    return { path, before: was, after: is, state }
  })
}

/** The paths that programs can name, of all events, without indices of lists. */
export function pathsOf(events: readonly Event[]): string[] {
  const paths = new Set<string>()
  for (const event of events) {
    for (const path of fieldsOf(event).keys()) {
      const parts = path.replace(/\[\d+\]/g, '').split(/(?=\.)/)
      parts.forEach((_, index) => paths.add(parts.slice(0, index + 1).join('')))
    }
  }
  paths.delete('.')
  return [...paths].sort()
}

/** Events from what somebody pasted: an object, a list of them, one on each line, or plain lines as messages. */
export function eventsFrom(text: string): { events: Event[]; problem: string | null } {
  const trimmed = text.trim()
  if (trimmed === '') return { events: [], problem: null }
  const isEvent = (value: unknown): value is Event => typeof value === 'object' && value !== null && !Array.isArray(value)
  try {
    const value: unknown = JSON.parse(trimmed)
    if (isEvent(value)) return { events: [value], problem: null }
    if (Array.isArray(value) && value.every(isEvent)) return { events: value, problem: null }
  } catch {
    // Perhaps one on each line.
  }
  const lines = trimmed.split('\n').filter((line) => line.trim() !== '')
  if (!lines.some((line) => line.trimStart().startsWith('{'))) return { events: lines.map((message) => ({ message })), problem: null }
  const events: Event[] = []
  for (const [index, line] of lines.entries()) {
    try {
      const value: unknown = JSON.parse(line)
      if (!isEvent(value)) return { events, problem: String(index + 1) }
      events.push(value)
    } catch {
      return { events, problem: String(index + 1) }
    }
  }
  return { events, problem: null }
}
