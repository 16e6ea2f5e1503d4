import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import type { ComponentProps } from 'react'
import { afterEach, expect, it, vi } from 'vitest'
import { EditorContext } from '../context'
import { createEditorStore } from '../store'
import { SpecIndex } from '../graph/types'
import type { Edits } from './use-edits'
import { useCanvasKeys } from './use-canvas-keys'

type Value = NonNullable<ComponentProps<typeof EditorContext>['value']>

const PIPELINE = { id: 'p', name: 'p', description: '', etag: '1', document: { format: 1, components: [], edges: [] } } as unknown as Parameters<typeof createEditorStore>[0]

const selectAll = vi.fn()
const select = vi.fn()

function Canvas({ ids }: { ids: string[] }) {
  const edits = { selectAll } as unknown as Edits
  const onKeyDown = useCanvasKeys({ edits, ids: () => new Set(ids), edges: new Set(), onAdd: vi.fn(), onConnectFrom: vi.fn() })
  return (
    <div onKeyDownCapture={onKeyDown}>
      <button type="button">card</button>
    </div>
  )
}

function escape(ids: string[], selected: string | undefined) {
  const value: Value = { store: createEditorStore(PIPELINE, null), specs: new SpecIndex({ components: [] }), pipelineId: 'p', canEdit: true, selected, select, text: {} as Value['text'] }
  render(
    <EditorContext value={value}>
      <Canvas ids={ids} />
    </EditorContext>,
  )
  return fireEvent.keyDown(screen.getByRole('button'), { key: 'Escape' })
}

afterEach(() => {
  cleanup()
  vi.clearAllMocks()
})

it('lets several go at Escape and keeps the one that is shown', () => {
  expect(escape(['a', 'b'], 'a')).toBe(false)
  expect(selectAll).toHaveBeenCalledExactlyOnceWith(['a'])
  expect(select).not.toHaveBeenCalled()
})

it('lets the one go after that', () => {
  escape(['a'], 'a')
  expect(select).toHaveBeenCalledExactlyOnceWith(undefined)
  expect(selectAll).not.toHaveBeenCalled()
})

it('leaves Escape alone where nothing is chosen', () => {
  expect(escape([], undefined)).toBe(true)
  expect(selectAll).not.toHaveBeenCalled()
  expect(select).not.toHaveBeenCalled()
})
