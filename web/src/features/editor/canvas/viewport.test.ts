import { expect, it } from 'vitest'
import { parseViewport, viewportText } from './viewport'

it('comes back from the address as it went in', () => {
  const text = viewportText({ x: -120.4, y: 33.6, zoom: 0.7512 })
  expect(text).toBe('-120,34,0.751')
  expect(parseViewport(text)).toEqual({ x: -120, y: 34, zoom: 0.751 })
})

it('takes nothing else, and never a zoom that shows nothing', () => {
  for (const text of [undefined, '', '1,2', 'a,b,c', '1,2,1e9', '1,2,3;4']) expect(parseViewport(text)).toBeNull()
  expect(parseViewport('0,0,0')?.zoom).toBe(0.15)
})
