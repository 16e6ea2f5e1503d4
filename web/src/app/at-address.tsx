import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router'
import { configure } from '@testing-library/react'
import type { ReactNode } from 'react'
import { dialogSearch } from './search'

// A router draws its first page a moment later than a component alone, and on a busy machine a long one.
configure({ asyncUtilTimeout: 20_000 })

/** For tests: a router of one page, whose history stands at an address after another page. */
export function pageAt(address: string, Page: () => ReactNode, read: (search: Record<string, unknown>) => object = dialogSearch) {
  const history = createMemoryHistory({ initialEntries: ['/before', address] })
  const root = createRootRoute({ validateSearch: read, component: Page })
  const router = createRouter({ routeTree: root, history, defaultNotFoundComponent: Page })
  // The types are those of the application's own tree.
  return { history, page: <RouterProvider router={router as never} /> }
}
