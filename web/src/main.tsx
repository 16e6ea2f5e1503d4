import './ui/base.css'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { getSessionQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { createQueryClient, onSignedOut, setUpClient } from '@/app/api'
import { buildRouter } from '@/app/router'
import { joinTabs } from '@/app/signing-out'
import { Toasts } from '@/ui/toast'

setUpClient()
const queryClient = createQueryClient()
const router = buildRouter(queryClient)

joinTabs(router, queryClient)

onSignedOut(() => {
  queryClient.removeQueries({ queryKey: getSessionQueryKey() })
  const { pathname, href } = router.state.location
  if (pathname === '/sign-in') return
  void router.navigate({ to: '/sign-in', search: { next: href } })
})

const container = document.getElementById('root')
if (container === null) throw new Error('index.html has no #root element')
createRoot(container).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
      <Toasts />
    </QueryClientProvider>
  </StrictMode>,
)
