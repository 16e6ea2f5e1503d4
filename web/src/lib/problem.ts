import type { FieldError, Problem } from '@/api/gen'
import { t } from './i18n'

/** A failed call: the server's problem document, or what stood in its place. */
export class ApiError extends Error {
  readonly status: number
  readonly problem: Problem | null

  constructor(status: number, problem: Problem | null) {
    super(problem?.detail ?? problem?.title ?? t('The server answered with status {status}.', { status }))
    this.status = status
    this.problem = problem
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'type' in value && 'title' in value
}

/** Turns whatever the client threw into one kind of error. */
export function toApiError(error: unknown, response: Response | undefined): ApiError {
  if (error instanceof ApiError) return error
  const problem = isProblem(error) ? error : null
  return new ApiError(response?.status ?? 0, problem)
}

/** Whether nobody answered, or only something that stands before the server. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || (error.problem === null && error.status >= 502 && error.status <= 504))
}

/** Whether the person may not do this: only somebody who gives permissions can change it. */
export function isForbidden(error: unknown): boolean {
  return isProblemType(error, 'tenancy.permission-denied')
}

/** What a person reads about an error: the words, and the id to quote. */
export function describeError(error: unknown): { status: number; title: string; detail: string; id: string | null } {
  if (error instanceof ApiError) {
    if (isUnreachable(error)) {
      return {
        status: error.status,
        title: t('The server cannot be reached'),
        detail: t('Nothing was changed there, and nothing is lost here. Check the connection, then try again.'),
        id: null,
      }
    }
    // The server speaks of its API there; whoever reads this followed a link.
    if (isProblemType(error, 'platform.no-such-path')) {
      return { status: error.status, title: t('Nothing here'), detail: t('This address does not exist, or you may not see what it names.'), id: null }
    }
    return {
      status: error.status,
      title: error.problem?.title ?? t('The server could not do this'),
      detail: error.problem?.detail ?? error.message,
      id: error.problem?.id ?? null,
    }
  }
  return {
    status: 0,
    title: t('Something went wrong in this page'),
    detail: error instanceof Error ? error.message : String(error),
    id: null,
  }
}

/** What is wrong with which field, when the server says so. */
export function fieldErrors(error: unknown): FieldError[] {
  return error instanceof ApiError ? (error.problem?.errors ?? []) : []
}

/** Whether an error is the given problem, by the end of its type (`pipelines.still-deployed`). */
export function isProblemType(error: unknown, name: string): boolean {
  return error instanceof ApiError && (error.problem?.type.endsWith(`:${name}`) ?? false)
}
