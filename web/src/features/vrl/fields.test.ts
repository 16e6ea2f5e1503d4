import { describe, expect, it } from 'vitest'
import { changesOf, eventsFrom, pathsOf } from './fields'

describe('events that somebody pasted', () => {
  it.each([
    ['{"a": 1}', [{ a: 1 }], null],
    ['[{"a": 1}, {"b": 2}]', [{ a: 1 }, { b: 2 }], null],
    ['{"a": 1}\n\n{"b": 2}\n', [{ a: 1 }, { b: 2 }], null],
    ['GET /\nPOST /x', [{ message: 'GET /' }, { message: 'POST /x' }], null],
    ['{"a": 1}\n{"b": ', [{ a: 1 }], '2'],
    ['', [], null],
  ])('%j', (text, events, problem) => {
    expect(eventsFrom(text)).toEqual({ events, problem })
  })
})

it('says field by field what became of an event', () => {
  const changes = changesOf({ a: 1, b: { 'x-y': 'z' }, c: [] }, { a: 2, c: [], d: null })
  expect(changes).toEqual([
    { path: '.a', before: '1', after: '2', state: 'changed' },
    { path: '.b."x-y"', before: '"z"', after: null, state: 'removed' },
    { path: '.c', before: '[]', after: '[]', state: 'same' },
    { path: '.d', before: null, after: 'null', state: 'added' },
  ])
})

it('names the paths that programs use', () => {
  expect(pathsOf([{ a: { b: [{ c: 1 }] } }, { '@timestamp': 'x' }])).toEqual(['.@timestamp', '.a', '.a.b', '.a.b.c'])
})
