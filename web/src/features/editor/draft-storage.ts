import type { Draft } from './store'
import type { TextKeep } from './text/session'

type Stored = { draft: Draft; etag: string; at: number }

function keyOf(account: string, pipelineId: string): string {
  return `vf:draft:${account}:${pipelineId}`
}

function isStored(value: unknown): value is Stored {
  if (typeof value !== 'object' || value === null || !('draft' in value) || !('etag' in value)) return false
  const { draft, etag } = value
  if (typeof etag !== 'string' || typeof draft !== 'object' || draft === null || !('document' in draft)) return false
  const { document } = draft
  return typeof document === 'object' && document !== null && 'components' in document && Array.isArray(document.components)
}

/** Keeps what is not saved yet in this tab, so that a reload loses nothing. */
export function keepDraft(account: string, pipelineId: string, draft: Draft, etag: string): void {
  try {
    sessionStorage.setItem(keyOf(account, pipelineId), JSON.stringify({ draft, etag, at: Date.now() } satisfies Stored))
  } catch {
    // Full or switched off: the page still warns before it is left.
  }
}

/** Forgets a kept draft. */
export function dropDraft(account: string, pipelineId: string): void {
  try {
    sessionStorage.removeItem(keyOf(account, pipelineId))
  } catch {
    // Nothing was kept where storage is switched off.
  }
}

/** The draft that an earlier load of this page left behind, if any. */
export function keptDraft(account: string, pipelineId: string): Stored | null {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(keyOf(account, pipelineId)) ?? 'null')
    return isStored(value) ? value : null
  } catch {
    return null
  }
}

/** Keeps a YAML text in the making in this tab: what cannot be read yet is in no draft. */
export function textKeep(account: string, pipelineId: string): TextKeep {
  const key = `vf:text:${account}:${pipelineId}`
  const quietly = (act: () => void) => {
    try {
      act()
    } catch {
      // Full or switched off: as for drafts.
    }
  }
  return {
    save: (text, etag) => quietly(() => sessionStorage.setItem(key, JSON.stringify({ text, etag }))),
    drop: () => quietly(() => sessionStorage.removeItem(key)),
    load: () => {
      try {
        const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? 'null')
        if (typeof value !== 'object' || value === null || !('text' in value) || !('etag' in value)) return null
        const { text, etag } = value
        return typeof text === 'string' && typeof etag === 'string' ? { text, etag } : null
      } catch {
        return null
      }
    },
  }
}
