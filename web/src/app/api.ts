import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { client } from '@/api/gen/client.gen'
import { ApiError, toApiError } from '@/lib/problem'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

let csrfToken = ''
let signedOut: () => void = () => undefined

/** Sets the token that unsafe calls carry; it comes with the session. */
export function setCsrfToken(token: string): void {
  csrfToken = token
}

/** Registers what happens when the server says that nobody is signed in. */
export function onSignedOut(handler: () => void): void {
  signedOut = handler
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Wires the generated client: same origin, CSRF, idempotency, one kind of error. */
export function setUpClient(): void {
  client.setConfig({ baseUrl: '', credentials: 'same-origin', throwOnError: true })
  client.interceptors.request.use((request) => {
    if (SAFE_METHODS.has(request.method)) return request
    if (csrfToken !== '') request.headers.set('X-CSRF-Token', csrfToken)
    if (request.method === 'POST') request.headers.set('Idempotency-Key', randomKey())
    return request
  })
  client.interceptors.error.use((error, response) => toApiError(error, response))
}

/** Whether a failed reading is worth another try: what the server refused stays refused. */
export function mayRetry(failures: number, error: unknown): boolean {
  if (error instanceof ApiError && error.status >= 400 && error.status < 500) return false
  return failures < 3
}

/** The cache of server state. A 401 anywhere but on the session itself leads to the sign-in page. */
export function createQueryClient(): QueryClient {
  const onError = (error: unknown) => {
    if (error instanceof ApiError && error.status === 401) signedOut()
  }
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    // Of the cache, not a default: a mutation with a handler of its own would replace a default.
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: { staleTime: 10_000, retry: mayRetry, networkMode: 'always' },
      mutations: { networkMode: 'always' },
    },
  })
}
