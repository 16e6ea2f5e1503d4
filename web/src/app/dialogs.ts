import type { ParsedLocation, RegisteredRouter } from '@tanstack/react-router'
import { useLocation, useRouter, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
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

/** A dialog whose being open stands in the address. It opens for whoever `may`, and for nobody else who has the link. */
export function useDialog(name: DialogName, may = true): Opening {
  const router = useRouter()
  const found = useSearch({ strict: false, select: (search) => (search.dialog === name ? (search.of ?? '') : null) })
  return {
    isOpen: may && found !== null,
    of: found === null || found === '' ? undefined : found,
    open: (of) => void router.navigate({ to: '.', search: (before) => ({ ...before, dialog: name, of }), state: { opened: true }, resetScroll: false }),
    close: () => leave(router, ({ search }) => dialogSearch(search).dialog === name, { dialog: undefined, of: undefined }),
  }
}

/**
 * A question before something that cannot be taken back. Back closes it and a reload keeps it, but no address holds it:
 * a link that somebody was sent shall not lead to one press before a deletion.
 */
export function useQuestion(name: string): Opening {
  const router = useRouter()
  const found = useLocation({ select: ({ state }) => (state.question === name ? (state.about ?? '') : null) })
  return {
    isOpen: found !== null,
    of: found === null || found === '' ? undefined : found,
    open: (of) => void router.navigate({ to: '.', search: true, state: { opened: true, question: name, about: of }, resetScroll: false }),
    close: () => leave(router, ({ state }) => state.question === name, {}),
  }
}

/** A dialog about a row of those given. It stays closed while the row that the address names is not among them. */
export function useRowDialog<Row extends object>(name: DialogName, rows: readonly Row[], may = true, idOf: (row: Row) => string = ownId): RowOpening<Row> {
  return useRow(useDialog(name, may), rows, idOf)
}

/** A question about a row of those given. */
export function useRowQuestion<Row extends object>(name: string, rows: readonly Row[]): RowOpening<Row> {
  return useRow(useQuestion(name), rows, ownId)
}

/** Closes what a place shows: by going back if it was opened here, else by changing the address. */
export function leave(router: RegisteredRouter, isShown: (location: ParsedLocation) => boolean, without: Record<string, undefined>): void {
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
function useRow<Row extends object>({ isOpen, of, open, close }: Opening, rows: readonly Row[], idOf: (row: Row) => string): RowOpening<Row> {
  const [kept, keep] = useState<Row | null>(null)
  const wanted = isOpen && of !== undefined ? of : null
  const isKept = kept !== null && idOf(kept) === wanted
  const row = wanted === null ? null : isKept ? kept : (rows.find((each) => idOf(each) === wanted) ?? null)
  if (row !== kept) keep(row)
  return { isOpen: isOpen && (wanted === null || row !== null), row, open: (next) => open(next === null ? undefined : idOf(next)), close }
}
