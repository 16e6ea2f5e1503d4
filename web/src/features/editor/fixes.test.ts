import { expect, it } from 'vitest'
import { fixLabel } from './fixes'

it('says where an option goes that has another form now', () => {
  expect(fixLabel({ action: 'move_option', component: 'out', path: ['address'], to: ['routing', 'endpoints'], as_list: true })).toBe('Move to routing.endpoints')
  expect(fixLabel({ action: 'move_option', component: 'out', path: ['address'] })).toBeNull()
})
