import { expect, it } from 'vitest'
import type { Box } from './opening'
import { around, isInSight, openingView } from './opening'

const SIZE = { width: 800, height: 600 }
const card = (x: number, y: number): Box => ({ x, y, width: 208, height: 50 })
const row = (count: number) => Array.from({ length: count }, (_, index) => card(280 * index, 0))
const shows = (boxes: readonly Box[], chosen: Box | undefined, box: Box) => {
  const { x, y, zoom } = openingView(boxes, SIZE, chosen)
  return isInSight({ ...SIZE, transform: [x, y, zoom] }, box)
}

it('knows a card in sight from one that is cut off, moved and zoomed', () => {
  const view = { ...SIZE, transform: [100, 50, 0.5] as [number, number, number] }
  expect(isInSight(view, card(0, 0))).toBe(true)
  expect(isInSight(view, card(-200, -100))).toBe(true)
  expect(isInSight(view, card(-202, 0))).toBe(false)
  expect(isInSight(view, card(1192, 1050))).toBe(true)
  expect(isInSight(view, card(1194, 0))).toBe(false)
  expect(isInSight(view, card(0, 1052))).toBe(false)
})

it('shows a graph whole and in the middle where it can be read, and never larger than it is', () => {
  expect(openingView([card(0, 0)], SIZE, undefined)).toEqual({ x: 296, y: 275, zoom: 1 })
  const boxes = row(4)
  const { x, zoom } = openingView(boxes, SIZE, undefined)
  expect(zoom).toBeCloseTo(742 / 1048)
  expect(x).toBeCloseTo(29)
  expect(boxes.every((each) => shows(boxes, undefined, each))).toBe(true)
})

it('shows the beginning of a graph that is too wide, at a size that can be read', () => {
  const boxes = row(16).reverse()
  expect(openingView(boxes, SIZE, undefined).zoom).toBe(0.55)
  expect(shows(boxes, undefined, card(0, 0))).toBe(true)
  expect(shows(boxes, undefined, card(280 * 15, 0))).toBe(false)
})

it('shows a chosen card wherever it stands, and no more emptiness than need be', () => {
  const boxes = row(16)
  for (const each of boxes) expect(shows(boxes, each, each)).toBe(true)
  const last = card(280 * 15, 0)
  const { x, zoom } = openingView(boxes, SIZE, last)
  expect((last.x + last.width) * zoom + x).toBeCloseTo(800 - (800 - 800 / 1.08) / 2)
  // What is in sight anyway moves nothing.
  expect(openingView(boxes, SIZE, boxes[0])).toEqual(openingView(boxes, SIZE, undefined))
})

it('keeps the source in sight of a graph that is too high', () => {
  const boxes = [card(0, 3000), ...Array.from({ length: 50 }, (_, index) => card(280, 120 * index))]
  expect(shows(boxes, undefined, card(0, 3000))).toBe(true)
})

it('holds all boxes, or none', () => {
  expect(around([card(10, -5), card(300, 40)])).toEqual({ x: 10, y: -5, width: 498, height: 95 })
  expect(around([])).toBeNull()
})
