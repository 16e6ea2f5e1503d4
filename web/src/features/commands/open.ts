const listeners = new Set<() => void>()

/** Opens the command palette from anywhere. */
export function openCommands(): void {
  for (const listener of listeners) listener()
}

/** Calls back when the palette is asked for, until the returned function is called. */
export function onOpenCommands(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
