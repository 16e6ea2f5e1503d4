import type { Draft } from './store'
import { tabStorage } from './tab-storage'
import type { TextKeep } from './text/session'

type StoredDraft = { draft: Draft; etag: string }
type StoredText = { text: string; etag: string }

/** What an earlier load of this page left behind. */
export type Kept = { draft: StoredDraft | null; text: StoredText | null }

const storage = tabStorage()

function draftKey(account: string, pipelineId: string): string {
  return `vf:draft:${account}:${pipelineId}`
}

function textKey(account: string, pipelineId: string): string {
  return `vf:text:${account}:${pipelineId}`
}

function isDraft(value: unknown): value is StoredDraft {
  if (typeof value !== 'object' || value === null || !('draft' in value) || !('etag' in value)) return false
  const { draft, etag } = value
  if (typeof etag !== 'string' || typeof draft !== 'object' || draft === null || !('document' in draft)) return false
  const { document } = draft
  return typeof document === 'object' && document !== null && 'components' in document && Array.isArray(document.components)
}

function isText(value: unknown): value is StoredText {
  return typeof value === 'object' && value !== null && 'text' in value && 'etag' in value && typeof value.text === 'string' && typeof value.etag === 'string'
}

function parsed(stored: string | null): unknown {
  try {
    return JSON.parse(stored ?? 'null')
  } catch {
    return null
  }
}

/** Keeps what is not saved yet, so that a reload loses nothing; answers whether it is kept. */
export function keepDraft(account: string, pipelineId: string, draft: Draft, etag: string): Promise<boolean> {
  return storage.save(draftKey(account, pipelineId), JSON.stringify({ draft, etag } satisfies StoredDraft))
}

/** Forgets a kept draft. */
export function dropDraft(account: string, pipelineId: string): void {
  storage.drop(draftKey(account, pipelineId))
}

/** The draft and the text that an earlier load of this page left behind, if any. */
export async function loadKept(account: string, pipelineId: string): Promise<Kept> {
  const [draft, text] = (await Promise.all([storage.load(draftKey(account, pipelineId)), storage.load(textKey(account, pipelineId))])).map(parsed)
  void storage.prune()
  return { draft: isDraft(draft) ? draft : null, text: isText(text) ? text : null }
}

const ofAccount = (account: string) => [draftKey(account, ''), textKey(account, '')]

/** How many pipelines have work of this account that is not saved, as far as this tab can see. */
export async function unsavedCount(account: string): Promise<number> {
  const keys = await storage.kept(ofAccount(account))
  return new Set(keys.map((key) => key.slice(key.lastIndexOf(':') + 1))).size
}

/** Forgets all of it. */
export function forgetUnsaved(account: string): Promise<void> {
  return storage.forget(ofAccount(account))
}

/** Keeps a YAML text in the making: what cannot be read yet is in no draft. */
export function textKeep(account: string, pipelineId: string, kept: StoredText | null): TextKeep {
  const key = textKey(account, pipelineId)
  let latest = kept
  return {
    load: () => latest,
    save: (text, etag) => {
      latest = { text, etag }
      void storage.save(key, JSON.stringify(latest))
    },
    drop: () => {
      latest = null
      storage.drop(key)
    },
  }
}
