// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Pipeline } from '@/api/gen'
import { dropDraft, keepDraft, loadKept, textKeep } from './draft-storage'
import { emptyDocument } from './graph/types'
import { createEditorStore, draftOf, isDirty, stillUnsaved } from './store'

const pipeline: Pipeline = {
  id: 'p',
  name: 'Access log',
  description: '',
  component_count: 0,
  draft_version: 1,
  updated_at: '2026-01-01T00:00:00.000Z',
  updated_by: 'Someone',
  deployed: null,
  draft_changed: false,
  outdated: [],
  folder: '',
  tags: [],
  document: emptyDocument(),
  etag: '"1"',
}

const name = (to: string) => (draft: ReturnType<typeof draftOf>) => ({ ...draft, name: to })

describe('editor store', () => {
  it('undoes and redoes one step per intention', () => {
    const { getState } = createEditorStore(pipeline, null)
    getState().change('a', name('one'))
    getState().change('b', name('two'))
    getState().undo()
    expect(getState().draft.name).toBe('one')
    getState().redo()
    expect(getState().draft.name).toBe('two')
    getState().undo()
    getState().undo()
    getState().undo()
    expect(getState().draft.name).toBe('Access log')
    expect(isDirty(getState())).toBe(false)
  })
  it('does not take for unsaved what the server has, in whatever order it names things', () => {
    const document = { ...emptyDocument(), variables: { a: { type: 'number' as const, value: 1 }, b: { type: 'number' as const, value: 2 } } }
    const kept = { draft: draftOf({ ...pipeline, document }), etag: '"1"' }
    const { a, b } = document.variables
    expect(stillUnsaved(kept, { ...pipeline, document: { ...document, variables: { b, a } }, etag: '"2"' })).toBeNull()
    expect(stillUnsaved(kept, { ...pipeline, etag: '"2"' })).toBe(kept)
    expect(stillUnsaved(null, pipeline)).toBeNull()
  })
  it('takes keystrokes in one field as one step, until a pause', () => {
    vi.useFakeTimers({ now: 0 })
    const { getState } = createEditorStore(pipeline, null)
    getState().change('type', name('o'), 'name')
    getState().change('type', name('on'), 'name')
    vi.setSystemTime(5000)
    getState().change('type', name('one'), 'name')
    getState().undo()
    expect(getState().draft.name).toBe('on')
    getState().undo()
    expect(getState().draft.name).toBe('Access log')
    vi.useRealTimers()
  })
  it('a new change forgets what was undone', () => {
    const { getState } = createEditorStore(pipeline, null)
    getState().change('a', name('one'))
    getState().undo()
    getState().change('b', name('two'))
    getState().redo()
    expect(getState().draft.name).toBe('two')
  })
  it('keeps what was typed while a save was on its way', () => {
    const { getState } = createEditorStore(pipeline, null)
    getState().change('a', name('one'))
    const sent = getState().draft
    getState().change('b', name('two'))
    getState().confirm(sent, '"2"')
    expect(getState().etag).toBe('"2"')
    expect(isDirty(getState())).toBe(true)
    getState().undo()
    expect(isDirty(getState())).toBe(false)
  })
  it('can take over theirs, and undo even that', () => {
    const { getState } = createEditorStore(pipeline, null)
    getState().change('a', name('mine'))
    getState().takeOver({ ...pipeline, name: 'theirs', etag: '"9"' }, 'Take theirs')
    expect(isDirty(getState())).toBe(false)
    getState().undo()
    expect(getState().draft.name).toBe('mine')
    expect(getState().etag).toBe('"9"')
  })
})

describe('kept drafts', () => {
  beforeEach(() => sessionStorage.clear())
  it('come back for the same account and pipeline only', async () => {
    expect(await keepDraft('me', 'p', draftOf(pipeline), '"1"')).toBe(true)
    expect((await loadKept('me', 'p')).draft?.draft.name).toBe('Access log')
    expect((await loadKept('you', 'p')).draft).toBeNull()
    expect((await loadKept('me', 'q')).draft).toBeNull()
    dropDraft('me', 'p')
    expect((await loadKept('me', 'p')).draft).toBeNull()
  })
  it('are ignored when they are not readable', async () => {
    for (const text of ['{', '7', '1\n{', '1\n7', '1\n{"draft":{},"etag":"x"}', '1\n{"draft":{"document":{}},"etag":"x"}']) {
      sessionStorage.setItem('vf:draft:me:p', text)
      expect((await loadKept('me', 'p')).draft).toBeNull()
    }
  })
  it('stand beside a text in the making', async () => {
    const keep = textKeep('me', 'p', null)
    keep.save('nonsense: [', '"1"')
    expect(keep.load()).toEqual({ text: 'nonsense: [', etag: '"1"' })
    expect((await loadKept('me', 'p')).text).toEqual({ text: 'nonsense: [', etag: '"1"' })
    keep.drop()
    expect(keep.load()).toBeNull()
    expect((await loadKept('me', 'p')).text).toBeNull()
  })
})
