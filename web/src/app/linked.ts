import { skipToken, useQuery } from '@tanstack/react-query'
import { ApiError } from '@/lib/problem'
import { mayRetry } from './api'

/** What is named to be open, by the address or by an entry of the history, and about which row; `record` is one of the log. */
export type Place = { kind: 'dialog' | 'question' | 'record'; name: string; of: string | undefined }

/** A record of the log, as the address names it. */
export const recordPlace = (sequence: number): Place => ({ kind: 'record', name: 'record', of: String(sequence) })

/** Why what is named does not open: it is not there, or not for the one who looks. */
export class Lost extends Error {
  constructor(readonly why: 'missing' | 'forbidden') {
    super(why)
  }
}

/** Looks for a row that is not among those shown; `find` refuses with `Lost`, or as the server does. */
export function useLinked<Row>(place: Place | null, find: () => Promise<Row>): Row | undefined {
  return useQuery({
    queryKey: keyOf(place),
    queryFn: place === null ? skipToken : find,
    // As it was when the dialog opened, and no longer than the dialog is named.
    staleTime: Infinity,
    gcTime: 0,
    retry: (failures, error) => !(error instanceof Lost) && mayRetry(failures, error),
  }).data
}

/** Why what is named did not open; null while it is open, sought, or nobody looks for it. */
export function useLoss(place: Place | null): Lost['why'] | Error | null {
  const { error } = useQuery({ queryKey: keyOf(place), queryFn: skipToken, gcTime: 0 })
  if (error instanceof Lost) return error.why
  if (error instanceof ApiError && error.status === 404) return 'missing'
  if (error instanceof ApiError && error.status === 403) return 'forbidden'
  return error
}

const keyOf = (place: Place | null) => ['linked', place] as const
