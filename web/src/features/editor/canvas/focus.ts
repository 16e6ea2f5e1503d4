const FRAMES = 30
const WRITING = 'input, textarea, [contenteditable="true"]'

/** The element that stands for a component on the canvas, if it is drawn. */
export function cardOf(id: string): HTMLElement | null {
  return document.querySelector(`.react-flow__node[data-id="${CSS.escape(id)}"]`)
}

/** Gives the focus to what `find` answers, once it is there and no dialog is open that would take it back. */
export function focusSoon(find: () => HTMLElement | null, frames = FRAMES): void {
  requestAnimationFrame(() => {
    const isCovered = document.querySelector('[role=dialog]') !== null
    // Whoever writes somewhere by now is left there.
    if (!isCovered && document.activeElement?.matches(WRITING) === true) return
    const found = isCovered ? null : find()
    if (found !== null) found.focus()
    if (document.activeElement !== found && frames > 0) focusSoon(find, frames - 1)
  })
}

/** The first thing to fill in for the selected component, or the inspector itself. */
export function inspectorField(): HTMLElement | null {
  const inspector = document.querySelector<HTMLElement>('[data-inspector]')
  return inspector?.querySelector<HTMLElement>('[data-option] :is(.cm-content, input, textarea, button[aria-haspopup])') ?? inspector
}
