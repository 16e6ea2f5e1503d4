import { cleanup, render, screen, waitFor } from '@testing-library/react'
import { afterEach, expect, it } from 'vitest'
import { ConfirmDialog, Dialog } from './dialog'
import { TextField } from './field'

afterEach(cleanup)
const nothing = () => undefined

it('gives the focus to its first field', async () => {
  render(
    <Dialog title="New value" isOpen onClose={nothing}>
      <TextField label="Value" value="" onChange={nothing} />
      <TextField label="Note" value="" onChange={nothing} />
    </Dialog>,
  )
  await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText('Value')))
})

it('leaves it to the field that asks for it', async () => {
  render(
    <Dialog title="New value" isOpen onClose={nothing}>
      <TextField label="Value" value="" onChange={nothing} />
      <TextField label="Note" autoFocus value="" onChange={nothing} />
    </Dialog>,
  )
  await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText('Note')))
})

it('never gives it to what a question would do, so that Enter alone deletes nothing', async () => {
  render(
    <ConfirmDialog title="Delete it?" isOpen onClose={nothing} onConfirm={nothing} confirmLabel="Delete">
      <p>Gone for good.</p>
    </ConfirmDialog>,
  )
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole('dialog')))
})
