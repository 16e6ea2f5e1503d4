import { expect, it } from 'vitest'
import { isInSight } from './use-in-sight'

it('knows a card in sight from one that is cut off, moved and zoomed', () => {
  const view = { width: 800, height: 600, transform: [100, 50, 0.5] as [number, number, number] }
  expect(isInSight(view, { x: 0, y: 0 })).toBe(true)
  expect(isInSight(view, { x: -200, y: -100 })).toBe(true)
  expect(isInSight(view, { x: -201, y: 0 })).toBe(false)
  expect(isInSight(view, { x: 1192, y: 1052 })).toBe(true)
  expect(isInSight(view, { x: 1193, y: 0 })).toBe(false)
  expect(isInSight(view, { x: 0, y: 1053 })).toBe(false)
})
