/** The colour of a token as `rgb(…)`, which the chart library understands: it knows nothing of oklch. */
export function tokenColor(token: string, at: Element): string {
  const probe = document.createElement('span')
  probe.style.color = `var(--${token})`
  at.append(probe)
  const resolved = getComputedStyle(probe).color
  probe.remove()
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 1
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (context === null) return resolved
  context.fillStyle = resolved
  context.fillRect(0, 0, 1, 1)
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data
  return `rgb(${red}, ${green}, ${blue})`
}
