import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router'
import type { FormEvent } from 'react'
import { useState } from 'react'
import { createSessionMutation, getSessionQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { setCsrfToken } from '@/app/api'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'

/** Signs in with e-mail address and password, then goes where one wanted to go. */
export function SignInPage() {
  const { next } = useSearch({ from: '/sign-in' })
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const router = useRouter()
  const signIn = useMutation({
    ...createSessionMutation(),
    onSuccess: async (session) => {
      setCsrfToken(session.csrf_token)
      // Nothing that another account has seen may stay.
      queryClient.clear()
      queryClient.setQueryData(getSessionQueryKey(), session)
      if (next === undefined) await navigate({ to: '/' })
      else router.history.push(next)
    },
    onError: () => setPassword(''),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    signIn.mutate({ body: { email, password } })
  }
  return (
    <main className="flex min-h-full items-center justify-center px-4 py-16">
      <title>{t('Sign in · VectorFlow')}</title>
      <form onSubmit={submit} className="flex w-full max-w-80 flex-col gap-4">
        <div className="mb-2 flex items-center gap-2.5">
          <img src="/icon.svg" alt="" width={28} height={28} />
          <h1 className="text-xl font-semibold">{t('Sign in to VectorFlow')}</h1>
        </div>
        <TextField
          label={t('E-mail address')}
          type="email"
          name="email"
          autoComplete="username"
          isRequired
          autoFocus
          value={email}
          onChange={setEmail}
        />
        <TextField
          label={t('Password')}
          type="password"
          name="password"
          autoComplete="current-password"
          isRequired
          value={password}
          onChange={setPassword}
        />
        {signIn.error !== null && <InlineError error={signIn.error} />}
        <Button type="submit" variant="primary" className="h-8!" isDisabled={signIn.isPending}>
          {signIn.isPending ? t('Signing in…') : t('Sign in')}
        </Button>
      </form>
    </main>
  )
}
