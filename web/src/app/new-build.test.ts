import { describe, expect, it } from 'vitest'
import { entryOf, hasNewBuild } from './new-build'

const page = (hash: string) => `<html><script type="module" crossorigin nonce="x" src="/assets/index-${hash}.js"></script></html>`

describe('a new build', () => {
  it('is told by the name of the first script', () => {
    expect(entryOf(page('abc'))).toBe('/assets/index-abc.js')
    expect(entryOf('<html></html>')).toBeNull()
  })
  it('is offered when the server serves another script, and never on a failure', async () => {
    const own = '/assets/index-abc.js'
    expect(await hasNewBuild(own, () => Promise.resolve(page('def')))).toBe(true)
    expect(await hasNewBuild(own, () => Promise.resolve(page('abc')))).toBe(false)
    expect(await hasNewBuild(own, () => Promise.resolve('maintenance'))).toBe(false)
    expect(await hasNewBuild(own, () => Promise.reject(new Error('down')))).toBe(false)
    expect(await hasNewBuild(null, () => Promise.resolve(page('def')))).toBe(false)
  })
})
