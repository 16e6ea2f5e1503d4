import { expect, it } from 'vitest'
import type { NodeDetail } from '@/api/gen'
import { deployMarks } from './deploy-marks'

const report = (at: string, kind: string, pipeline_id: string | null, revision: number) =>
  ({ sequence: 1, at: `2026-01-31T10:${at}:00Z`, kind, pipeline_id, revision, reason: '', message: '', engine_output: [] }) as NodeDetail['reports'][number]

it('marks each revision that a node began to run, and nothing that it ran already', () => {
  const reports = [
    report('05', 'applied', 'gone', 7),
    report('04', 'applied', 'a', 2),
    report('03', 'refused', 'a', 3),
    report('02', 'applied', 'a', 1),
    report('01', 'applied', 'a', 1),
    report('00', 'applied', null, 9),
  ]
  const assignments = [{ pipeline: { id: 'a', name: 'Access log' } }] as NodeDetail['assignments']
  expect(deployMarks({ reports, assignments }).map(({ at, label }) => [new Date(at).getUTCMinutes(), label])).toEqual([
    [1, 'revision 1, Access log'],
    [4, 'revision 2, Access log'],
    [5, 'revision 7'],
  ])
})
