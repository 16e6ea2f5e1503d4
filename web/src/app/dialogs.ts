import type { ParsedLocation, RegisteredRouter } from '@tanstack/react-router'
import { useLocation, useRouter, useSearch } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { Place } from './linked'
import { Lost, recordPlace, useLinked } from './linked'
import type { DialogName } from './search'
import { dialogSearch } from './search'

declare module '@tanstack/react-router' {
  interface HistoryState {
    /** This entry was made by opening something, so that going back closes it. */
    opened?: boolean
    /** What is asked, and about which row. */
    question?: string
    about?: string
  }
}

/** Something that is open or not, which Back closes. */
export type Opening = {
  isOpen: boolean
  /** The id of the row that it is about, if any. */
  of: string | undefined
  open: (of?: string) => void
  close: () => void
}

/** The same about a row of a list. `row` is null where it is about none: something new is made. */
export type RowOpening<Row> = { isOpen: boolean; row: Row | null; open: (row: Row | null) => void; close: () => void }

/** Where the row that an address names is sought. */
type RowOptions<Row> = {
  /** Whether the one who looks may open it. */
  may?: boolean
  idOf?: (row: Row) => string
  /** Asks the server for one, where more of them may exist than are shown. */
  one?: (id: string) => Promise<Row>
}

/** A dialog whose being open stands in the address. It opens for whoever `may`; others who have the link are told so. */
export function useDialog(name: DialogName, may = true): Opening {
  const router = useRouter()
  const found = useSearch({ strict: false, select: (search) => (search.dialog === name ? (search.of ?? '') : null) })
  const of = found === null || found === '' ? undefined : found
  const place: Place = { kind: 'dialog', name, of }
  useLinked(found === null || may ? null : place, () => Promise.reject(new Lost('forbidden')))
  // The same while the page lives, so that who passes it on draws nothing anew.
  const open = useCallback(
    (next?: string) => void router.navigate({ to: '.', search: (before) => ({ ...before, dialog: name, of: next, view: undefined }), state: { opened: true }, resetScroll: false }),
    [router, name],
  )
  return {
    isOpen: may && found !== null,
    of,
    open,
    close: () => leavePlace(router, place),
  }
}

/**
 * A question before something that cannot be taken back. Back closes it and a reload keeps it, but no address holds it:
 * a link that somebody was sent shall not lead to one press before a deletion.
 */
export function useQuestion(name: string): Opening {
  const router = useRouter()
  const found = useLocation({ select: ({ state }) => (state.question === name ? (state.about ?? '') : null) })
  const of = found === null || found === '' ? undefined : found
  return {
    isOpen: found !== null,
    of,
    open: (next) => void router.navigate({ to: '.', search: true, state: { opened: true, question: name, about: next }, resetScroll: false }),
    close: () => leavePlace(router, { kind: 'question', name, of }),
  }
}

/**
 * A dialog about a row. It opens at once where the row is among those given (undefined: they were not read yet), else
 * with what the server has of it; where there is none, whoever followed the link is told so.
 */
export function useRowDialog<Row extends object>(name: DialogName, rows: readonly Row[] | undefined, options: RowOptions<Row> = {}): RowOpening<Row> {
  return useRow('dialog', name, useDialog(name, options.may), rows, options)
}

/** A question about a row, which is sought in the same way. */
export function useRowQuestion<Row extends object>(name: string, rows: readonly Row[] | undefined, options: Omit<RowOptions<Row>, 'may'> = {}): RowOpening<Row> {
  return useRow('question', name, useQuestion(name), rows, options)
}

/** What is named to be open here, if anything. */
export function namedPlace({ search, state }: ParsedLocation): Place | null {
  if (state.question !== undefined) return { kind: 'question', name: state.question, of: state.about }
  if ('record' in search && typeof search.record === 'number') return recordPlace(search.record)
  const { dialog, of } = dialogSearch(search)
  return dialog === undefined ? null : { kind: 'dialog', name: dialog, of }
}

/** Closes what is named, if it still is. */
export function leavePlace(router: RegisteredRouter, { kind, name, of }: Place): void {
  const isNamed = (location: ParsedLocation) => {
    const named = namedPlace(location)
    return named?.kind === kind && named.name === name && named.of === of
  }
  leave(router, isNamed, WITHOUT[kind])
}

const WITHOUT: Record<Place['kind'], Record<string, undefined>> = { dialog: { dialog: undefined, of: undefined, view: undefined }, question: {}, record: { record: undefined } }

/** Closes what a place shows: by going back if it was opened here, else by changing the address. */
function leave(router: RegisteredRouter, isShown: (location: ParsedLocation) => boolean, without: Record<string, undefined>): void {
  const here = router.latestLocation
  // It is closed already: somebody went back while an answer was on its way.
  if (!isShown(here) || leaving) return
  if (here.state.opened !== true) {
    void router.navigate({ to: '.', search: (before) => ({ ...before, ...without }), replace: true, resetScroll: false })
    return
  }
  leaving = true
  const stop = router.history.subscribe(() => {
    leaving = false
    stop()
  })
  router.history.back()
}

/** Going back takes a moment, in which a second wish to close would leave the page. */
let leaving = false

const ownId = (row: object): string => ('id' in row ? String(row.id) : '')

/** The row stays as it was when the dialog opened: a change by somebody else meanwhile must fail, not be overwritten. */
function useRow<Row extends object>(
  kind: Place['kind'],
  name: string,
  { isOpen, of, open, close }: Opening,
  rows: readonly Row[] | undefined,
  { idOf = ownId, one }: RowOptions<Row>,
): RowOpening<Row> {
  const [kept, keep] = useState<Row | null>(null)
  const wanted = isOpen && of !== undefined ? of : null
  const isKept = kept !== null && idOf(kept) === wanted
  const listed = rows?.find((each) => idOf(each) === wanted)
  const isSought = wanted !== null && !isKept && rows !== undefined && listed === undefined
  const linked = useLinked(isSought ? { kind, name, of } : null, () => (one === undefined || of === undefined ? Promise.reject(new Lost('missing')) : one(of)))
  const row = wanted === null ? null : isKept ? kept : (listed ?? linked ?? null)
  if (row !== kept) keep(row)
  return { isOpen: isOpen && (wanted === null || row !== null), row, open: (next) => open(next === null ? undefined : idOf(next)), close }
}
