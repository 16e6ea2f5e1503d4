import { describe, expect, it } from 'vitest'
import { parseWindows, windowLabel, windowsText } from './group-dialog'

describe('weekly windows', () => {
  it('reads days, a time and minutes', () => {
    expect(parseWindows('sat, sun 22:00 240\n\nMON 06:30 15')).toEqual([
      { days: ['sat', 'sun'], start: '22:00', minutes: 240 },
      { days: ['mon'], start: '06:30', minutes: 15 },
    ])
  })
  it('writes what it reads', () => {
    const text = 'mon tue 01:00 60\nsun 23:59 10080'
    expect(windowsText(parseWindows(text) ?? [])).toBe(text)
  })
  it.each([
    ['tue thu 02:00 120', 'Tue, Thu at 02:00 for 2 h'],
    ['sun 23:30 75', 'Sun at 23:30 for 1 h 15 min'],
    ['mon tue wed thu fri sat sun 01:00 30', 'Every day at 01:00 for 30 min'],
  ])('says %s as people do', (text, words) => {
    expect((parseWindows(text) ?? []).map(windowLabel)).toEqual([words])
  })
  it.each(['sat 24:00 10', 'sat 22:00', '22:00 10', 'sat 22:00 0', 'sat 22:00 99999', 'someday 22:00 10'])('refuses %s', (text) => {
    expect(parseWindows(text)).toBeNull()
  })
})
