import { expect, it } from 'vitest'
import { ApiError, describeError } from './problem'

const problem = (code: string, title: string) => ({ type: `urn:vectorflow:problem:${code}`, title, status: 404, detail: title, id: 'x' })

it('speaks to whoever followed a link to nothing, not of the API', () => {
  const error = new ApiError(404, problem('platform.no-such-path', 'There is nothing at this address; see /api/docs for what there is.'))
  expect(describeError(error)).toMatchObject({ title: 'Nothing here', detail: 'This address does not exist, or you may not see what it names.' })
})

it('leaves what the server says of a thing that is gone', () => {
  expect(describeError(new ApiError(404, problem('fleet.node-not-found', 'There is no such node.'))).title).toBe('There is no such node.')
})
