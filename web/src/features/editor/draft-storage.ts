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
  const left = leftAt(account)
  const [draft, text] = (await Promise.all([storage.load(draftKey(account, pipelineId), left), storage.load(textKey(account, pipelineId), left)])).map(parsed)
  void storage.prune()
  return { draft: isDraft(draft) ? draft : null, text: isText(text) ? text : null }
}

const ofAccount = (account: string) => [draftKey(account, ''), textKey(account, '')]

/** The pipelines that have work of this account which is not saved, as far as this tab can see. */
export async function unsavedPipelines(account: string): Promise<string[]> {
  const keys = await storage.kept(ofAccount(account))
  return [...new Set(keys.map((key) => key.slice(key.lastIndexOf(':') + 1)))]
}

/** Forgets all of it, also what a tab that is closed or does not answer brings back later. */
export function forgetUnsaved(account: string): Promise<void> {
  try {
    localStorage.setItem(leftKey(account), String(Date.now()))
  } catch {
    // Where storage is switched off other tabs keep nothing either.
  }
  return storage.forget(ofAccount(account))
}

/** When this account was last signed out here, in epoch milliseconds. What was kept until then is forgotten. */
function leftAt(account: string): number {
  try {
    const left = Number(localStorage.getItem(leftKey(account)) ?? 0)
    // A clock that was set back must not cost what was typed since.
    return left <= Date.now() ? left : 0
  } catch {
    return 0
  }
}

const leftKey = (account: string) => `vf:left:${account}`

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
