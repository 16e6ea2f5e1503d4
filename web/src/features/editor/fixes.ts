import { useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Finding } from '@/api/gen'
import { createSecret, fixDocument } from '@/api/gen'
import { listSecretsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { notify, notifyError } from '@/ui/toast'
import { useEditor } from './context'
import type { Document } from './graph/types'
import { wholeDocument } from './graph/types'

type Fix = Record<string, unknown> & { action: string }

const URL_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s:]*:([^/@\s]+)@/i

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What a fix does, in words for a button; null when it needs more than a click. */
export function fixLabel(fix: Record<string, unknown> | null | undefined): string | null {
  if (fix == null) return null
  const path = Array.isArray(fix.path) ? fix.path.join('.') : ''
  switch (fix.action) {
    case 'set_option':
      return fix.value == null ? null : t('Set {path} to {value}', { path, value: text(fix.value) })
    case 'remove_option':
      return t('Remove {path}', { path })
    case 'rename_option':
      return t('Rename to {name}', { name: text(fix.value) })
    case 'move_option':
      return Array.isArray(fix.to) ? t('Move to {path}', { path: fix.to.join('.') }) : null
    case 'set_type':
      return t('Use {type}', { type: text(fix.value) })
    case 'set_port':
      return t('Use the output {port}', { port: text(fix.value) })
    case 'remove_edge':
      return t('Remove the connection')
    case 'enable':
      return t('Enable')
    case 'make_secret':
      return t('Move into the secret {name}', { name: text(fix.name) })
    case 'make_variable':
      return t('Make it the variable {name}', { name: text(fix.name) })
    default:
      return null
  }
}

/** The credential that a fix would move: the value itself, or the password within its address. */
export function credentialOf(document: Document, fix: Record<string, unknown>): string | null {
  let value: unknown = document.components.find((each) => each.id === fix.component)?.options
  for (const step of Array.isArray(fix.path) ? (fix.path as (string | number)[]) : []) {
    value = typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[step] : undefined
  }
  return typeof value === 'string' && value !== '' ? (URL_PASSWORD.exec(value)?.[1] ?? value) : null
}

/** Settles findings by one click; each is one step to undo. */
export function useFixes() {
  const { org, env } = useScope()
  const can = useCan()
  const { store, canEdit } = useEditor()
  const queryClient = useQueryClient()
  const canSeal = can('secret.write')
  return useMemo(() => {
    const path = { org, env }
    const offer = (finding: Finding): string | null => {
      if (!canEdit || (finding.fix?.action === 'make_secret' && !canSeal)) return null
      return fixLabel(finding.fix)
    }
    const apply = async (finding: Finding): Promise<void> => {
      const fix = finding.fix as Fix
      try {
        const { document } = store.getState().draft
        if (fix.action === 'make_secret') {
          const value = credentialOf(document, fix)
          if (value === null) return
          await createSecret({ path, body: { name: text(fix.name), value }, throwOnError: true })
          void queryClient.invalidateQueries({ queryKey: listSecretsQueryKey({ path }) })
        }
        const { data } = await fixDocument({ path, body: { document, fix }, throwOnError: true })
        store.getState().change(offer(finding) ?? t('Fix'), (draft) => ({ ...draft, document: wholeDocument(data.document) }))
        if (fix.action === 'make_secret') {
          notify(t('The value is now the secret {name}. Earlier revisions still hold it: change it where it came from.', { name: text(fix.name) }))
        }
      } catch (error) {
        notifyError(error)
      }
    }
    return { offer, apply }
  }, [org, env, store, canEdit, canSeal, queryClient])
}
