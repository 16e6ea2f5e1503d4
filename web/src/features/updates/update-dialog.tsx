import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReleaseShown } from '@/api/gen'
import { createUpdate } from '@/api/gen'
import { listGroupsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'

type Program = ReleaseShown['program']
const EVERYBODY = 'everybody'

type Step = { step: number; unit: 'nodes' | 'percent' }

/** Reads how many nodes at a time: `3` or `10 %`; null when it is neither. */
export function parseStep(text: string): Step | null {
  const match = /^(\d{1,5})\s*(%?)$/.exec(text.trim())
  const step = Number(match?.[1])
  if (match === null || step < 1) return null
  const isPercent = match[2] === '%'
  if (step > (isPercent ? 100 : 10_000)) return null
  return { step, unit: isPercent ? 'percent' : 'nodes' }
}

/** The versions of a program that can be chosen, each once, as the index lists them. */
export function versionsOf(releases: ReleaseShown[], program: Program): string[] {
  return [...new Set(releases.filter((each) => each.program === program).map((each) => each.version))].reverse()
}

type UpdateDialogProps = { releases: ReleaseShown[]; onClose: () => void; onDone: () => void }

/** Plans an update: a version, for whom, and how many at a time. */
export function UpdateDialog({ releases, onClose, onDone }: UpdateDialogProps) {
  const path = useScope()
  const programs: Program[] = (['agent', 'engine'] as const).filter((each) => versionsOf(releases, each).length > 0)
  const [program, setProgram] = useState<Program>(programs[0] ?? 'agent')
  const versions = versionsOf(releases, program)
  const [chosen, setChosen] = useState('')
  const version = versions.includes(chosen) ? chosen : (versions[0] ?? '')
  const [group, setGroup] = useState(EVERYBODY)
  const [atATime, setAtATime] = useState('1')
  const [failures, setFailures] = useState('0')
  const groups = useQuery(listGroupsOptions({ path }))
  const step = parseStep(atATime)
  const mostFailures = /^\d{1,4}$/.test(failures.trim()) ? Number(failures) : null
  const save = useMutation({
    mutationFn: async () => {
      if (step === null || mostFailures === null) return
      const body = { program, version, group_id: group === EVERYBODY ? null : group, ...step, most_failures: mostFailures }
      await createUpdate({ path, body, throwOnError: true })
    },
    onSuccess: () => {
      onDone()
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={step === null || mostFailures === null || save.isPending} onPress={() => save.mutate()}>
        {t('Begin')}
      </Button>
    </>
  )
  return (
    <Dialog title={t('New update')} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <Select
          label={t('Program')}
          value={program}
          onChange={(value) => setProgram(value === 'engine' ? 'engine' : 'agent')}
          choices={programs.map((each) => ({ id: each, label: each === 'agent' ? t('Agent') : t('Vector') }))}
        />
        <Select label={t('Version')} value={version} onChange={setChosen} choices={versions.map((each) => ({ id: each, label: each }))} />
        <Select
          label={t('For')}
          value={group}
          onChange={setGroup}
          choices={[{ id: EVERYBODY, label: t('all nodes') }, ...(groups.data?.items ?? []).map((each) => ({ id: each.id, label: each.name }))]}
        />
        <TextField
          label={t('At a time')}
          value={atATime}
          onChange={setAtATime}
          hint={t('A number of nodes, or a part: 10 %')}
          error={step === null ? t('Write a number of nodes, or a part of them: 3, or 10 %') : undefined}
        />
        <TextField
          label={t('Failures before it pauses')}
          value={failures}
          onChange={setFailures}
          hint={t('With 0 the first node that does not take it pauses the update.')}
          error={mostFailures === null ? t('Write a number') : undefined}
        />
        <p className="text-sm text-secondary">
          {t('Each node tries the version and goes back by itself when it does not work. An update of the same program for the same nodes is replaced.')}
        </p>
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
