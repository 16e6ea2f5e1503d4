export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const

export type LogsSearch = { q?: string; node?: string; pipeline?: string; component?: string; level?: (typeof LOG_LEVELS)[number] }

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

/** The filters of the page of log lines, as they stand in the address. */
export function logsSearch(search: Record<string, unknown>): LogsSearch {
  return {
    q: text(search.q),
    node: text(search.node),
    pipeline: text(search.pipeline),
    component: text(search.component),
    level: LOG_LEVELS.find((level) => level === search.level),
  }
}
