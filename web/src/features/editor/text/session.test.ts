import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EditedDocument, Pipeline } from '@/api/gen'
import { ApiError } from '@/lib/problem'
import type { Document } from '../graph/types'
import { emptyDocument } from '../graph/types'
import { createEditorStore } from '../store'
import type { TextKeep } from './session'
import { TextSession } from './session'

const component = (id: string) => ({ id, kind: 'source' as const, type: 'stdin', options: {}, enabled: true, comment: '' })
const withIds = (ids: string[]): Document => ({ ...emptyDocument(), components: ids.map(component), layout: { a: { x: 7, y: 7 } } })

let gone = false

/** Writes ids one a line; reads the same, and refuses what holds an exclamation mark. */
function setUp(keep?: TextKeep) {
  const reads: string[] = []
  const store = createEditorStore({ document: withIds(['a']), name: 'p', description: '', etag: '1' } as unknown as Pipeline, null)
  const session = new TextSession(store, {
    write: (document) => (gone ? Promise.reject(new ApiError(0, null)) : Promise.resolve(document.components.map((each) => each.id).join('\n'))),
    read: (text, document) => {
      if (gone) return Promise.reject(new ApiError(0, null))
      reads.push(text)
      const findings: EditedDocument['findings'] = text.includes('!') ? [{ rule: 'r', severity: 'error', message: 'm', line: 1 }] : []
      return Promise.resolve({ document: findings.length > 0 ? null : { ...document, components: text.split('\n').map(component) }, findings })
    },
  }, keep)
  const ids = () => store.getState().draft.document.components.map((each) => each.id)
  return { store, session, ids, reads, text: () => session.state.getState() }
}

describe('text and graph', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => {
    gone = false
    vi.useRealTimers()
  })

  it('shows the graph as text, and follows it', async () => {
    const { store, session, text } = setUp()
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    expect(text().text).toBe('a')
    store.getState().change('add', (draft) => ({ ...draft, document: withIds(['a', 'b']) }))
    await vi.advanceTimersByTimeAsync(200)
    expect(text().text).toBe('a\nb')
  })
  it('does not write anew when only the layout changed', async () => {
    const { store, session, text } = setUp()
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    session.type('a\nb')
    await vi.advanceTimersByTimeAsync(300)
    store.getState().change('move', (draft) => ({ ...draft, document: { ...draft.document, layout: {} } }))
    await vi.advanceTimersByTimeAsync(300)
    expect(text().text).toBe('a\nb')
  })
  it('changes the graph once, in one step to undo, and leaves the text as it was typed', async () => {
    const { store, session, ids, reads, text } = setUp()
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    for (const typed of ['a\n', 'a\nb', 'a\nbc']) {
      session.type(typed)
      await vi.advanceTimersByTimeAsync(100)
    }
    await vi.advanceTimersByTimeAsync(300)
    expect(reads).toEqual(['a\nbc'])
    expect(ids()).toEqual(['a', 'bc'])
    expect(text().text).toBe('a\nbc')
    expect(store.getState().draft.document.layout.a).toEqual({ x: 7, y: 7 })
    store.getState().undo()
    await vi.advanceTimersByTimeAsync(300)
    expect(text().text).toBe('a')
  })
  it('keeps graph and text apart while the text cannot be read, and loses neither', async () => {
    const { store, session, ids, text } = setUp()
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    session.type('a\nb!')
    await vi.advanceTimersByTimeAsync(300)
    expect(ids()).toEqual(['a'])
    expect(text()).toMatchObject({ isBroken: true, isBehind: false })
    store.getState().change('add', (draft) => ({ ...draft, document: withIds(['a', 'z']) }))
    await vi.advanceTimersByTimeAsync(300)
    expect(text()).toMatchObject({ text: 'a\nb!', isBehind: true })
    session.showGraph()
    await vi.advanceTimersByTimeAsync(300)
    expect(text()).toMatchObject({ text: 'a\nz', isBroken: false, isBehind: false })
  })
  it('reads at once what is to be saved', async () => {
    const { session, ids } = setUp()
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    session.type('q')
    await session.flush()
    expect(ids()).toEqual(['q'])
  })
  it('brings a text that could not be read back after a reload', async () => {
    let kept: { text: string; etag: string } | null = null
    const keep: TextKeep = { load: () => kept, save: (text, etag) => (kept = { text, etag }), drop: () => (kept = null) }
    const before = setUp(keep)
    before.session.start()
    await vi.advanceTimersByTimeAsync(1)
    before.session.type('a\n!')
    await vi.advanceTimersByTimeAsync(300)
    expect(kept).toEqual({ text: 'a\n!', etag: '1' })
    const after = setUp(keep)
    after.session.start()
    await vi.advanceTimersByTimeAsync(1)
    expect([after.text().text, after.text().isBroken, after.ids()]).toEqual(['a\n!', true, ['a']])
    after.session.type('a\nb')
    await vi.advanceTimersByTimeAsync(300)
    expect(after.ids()).toEqual(['a', 'b'])
    expect(kept).toBeNull()
  })
  it('never puts a text of before over a version that came since', async () => {
    const keep: TextKeep = { load: () => ({ text: 'mine', etag: 'old' }), save: () => undefined, drop: () => undefined }
    const { session, ids, text } = setUp(keep)
    session.start()
    await vi.advanceTimersByTimeAsync(300)
    expect([text().text, text().isBehind, ids()]).toEqual(['mine', true, ['a']])
  })
  it('sends a text again until somebody answers, and leaves it to a person once the graph has changed', async () => {
    const { store, session, ids, text, reads } = setUp()
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    gone = true
    session.type('a\nb')
    await vi.advanceTimersByTimeAsync(300)
    expect(text().error).toBeInstanceOf(ApiError)
    expect(ids()).toEqual(['a'])
    gone = false
    await vi.advanceTimersByTimeAsync(3000)
    expect(text().error).toBeNull()
    expect(ids()).toEqual(['a', 'b'])

    gone = true
    session.type('a\nb\nc')
    await vi.advanceTimersByTimeAsync(300)
    store.getState().change('add', (draft) => ({ ...draft, document: withIds(['a', 'd']) }))
    gone = false
    reads.length = 0
    await vi.advanceTimersByTimeAsync(10_000)
    await session.flush()
    expect(reads).toEqual([])
    expect(ids()).toEqual(['a', 'd'])
    expect(text()).toMatchObject({ text: 'a\nb\nc', isBroken: true, isBehind: true, error: null })
  })
  it('is written as soon as somebody answers', async () => {
    const { session, text } = setUp()
    gone = true
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    expect(text()).toMatchObject({ isReady: false })
    gone = false
    await vi.advanceTimersByTimeAsync(3000)
    expect(text()).toMatchObject({ isReady: true, text: 'a', error: null })
  })
  it('is read by a save that comes before the next try', async () => {
    const { session, ids } = setUp()
    session.start()
    await vi.advanceTimersByTimeAsync(1)
    gone = true
    session.type('a\nb')
    await vi.advanceTimersByTimeAsync(300)
    gone = false
    await session.flush()
    expect(ids()).toEqual(['a', 'b'])
  })
})
