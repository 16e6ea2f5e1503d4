import { expect, it } from 'vitest'
import type { ReleaseShown } from '@/api/gen'
import { parseStep, versionsOf } from './update-dialog'

it('reads a number of nodes or a part of them', () => {
  expect(parseStep('3')).toEqual({ step: 3, unit: 'nodes' })
  expect(parseStep(' 10 % ')).toEqual({ step: 10, unit: 'percent' })
  for (const bad of ['', '0', '101 %', '-1', 'all', '10001']) expect(parseStep(bad)).toBeNull()
})

it('offers each version once, the one listed last first', () => {
  const release = (program: 'agent' | 'engine', version: string, arch: string) => ({ program, version, arch }) as ReleaseShown
  const listed = [release('agent', '0.1.0', 'x86_64'), release('agent', '0.2.0', 'x86_64'), release('agent', '0.2.0', 'aarch64'), release('engine', '0.57.0', 'any')]
  expect(versionsOf(listed, 'agent')).toEqual(['0.2.0', '0.1.0'])
  expect(versionsOf(listed, 'engine')).toEqual(['0.57.0'])
})
