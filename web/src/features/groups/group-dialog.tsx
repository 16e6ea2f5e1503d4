import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { NodeGroup, Window } from '@/api/gen'
import { createGroup, updateGroup } from '@/api/gen'
import { getNodeSummaryOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { describeError } from '@/lib/problem'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const LINE = /^((?:mon|tue|wed|thu|fri|sat|sun)(?:[ ,]+(?:mon|tue|wed|thu|fri|sat|sun))*)\s+([01]\d|2[0-3]):([0-5]\d)\s+(\d{1,5})$/

/** Reads weekly windows, one a line: `sat sun 22:00 240` (minutes); null when one cannot be read. */
export function parseWindows(text: string): Window[] | null {
  const windows: Window[] = []
  for (const line of text.split('\n').map((each) => each.trim().toLowerCase())) {
    if (line === '') continue
    const match = LINE.exec(line)
    const minutes = Number(match?.[4])
    if (match === null || minutes < 1 || minutes > 10_080) return null
    const named = (match[1] ?? '').split(/[ ,]+/)
    windows.push({ days: DAYS.filter((day) => named.includes(day)), start: `${match[2]}:${match[3]}`, minutes })
  }
  return windows
}

/** Writes windows as `parseWindows` reads them. */
export function windowsText(windows: Window[]): string {
  return windows.map(({ days, start, minutes }) => `${days.join(' ')} ${start} ${minutes}`).join('\n')
}

/** A window as people say it. */
export function windowLabel({ days, start, minutes }: Window): string {
  const names: Record<string, string> = { mon: t('Mon'), tue: t('Tue'), wed: t('Wed'), thu: t('Thu'), fri: t('Fri'), sat: t('Sat'), sun: t('Sun') }
  const on = days.length === DAYS.length ? t('Every day') : days.map((day) => names[day] ?? day).join(', ')
  const hours = Math.floor(minutes / 60)
  const length = [...(hours > 0 ? [t('{n} h', { n: hours })] : []), ...(minutes % 60 > 0 ? [t('{n} min', { n: minutes % 60 })] : [])].join(' ')
  return t('{days} at {start} for {length}', { days: on, start, length })
}

type GroupDialogProps = { group: NodeGroup | null; onClose: () => void; onDone: () => void }

/** Makes or changes a group, and says how many nodes its selector finds while it is written. */
export function GroupDialog({ group, onClose, onDone }: GroupDialogProps) {
  const path = useScope()
  const [name, setName] = useState(group?.name ?? '')
  const [description, setDescription] = useState(group?.description ?? '')
  const [selector, setSelector] = useState(group?.selector ?? '')
  const [timezone, setTimezone] = useState(group?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  const [text, setText] = useState(windowsText(group?.windows ?? []))
  const windows = parseWindows(text)
  const found = useQuery({ ...getNodeSummaryOptions({ path, query: { selector } }), retry: false })
  const body = { name: name.trim(), description, selector, timezone, windows: windows ?? [] }
  const save = useMutation({
    mutationFn: async () => {
      if (group === null) await createGroup({ path, body, throwOnError: true })
      else await updateGroup({ path: { ...path, id: group.id }, headers: { 'If-Match': group.etag }, body, throwOnError: true })
    },
    onSuccess: () => {
      onDone()
      onClose()
    },
  })
  const isBad = body.name === '' || windows === null || found.error !== null
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={isBad || save.isPending} onPress={() => save.mutate()}>
        {t('Save')}
      </Button>
    </>
  )
  return (
    <Dialog title={group === null ? t('New group') : t('Change {name}', { name: group.name })} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <TextField label={t('Name')} value={name} onChange={setName} autoFocus maxLength={100} />
        <TextField
          label={t('Labels of its nodes')}
          mono
          value={selector}
          onChange={setSelector}
          placeholder="env=prod, region in (eu, us), !canary"
          hint={found.data === undefined ? undefined : t('{count, plural, one {Finds # node} other {Finds # nodes}} now.', { count: found.data.nodes })}
          error={found.error === null ? undefined : describeError(found.error).detail}
        />
        <TextField label={t('Description')} value={description} onChange={setDescription} maxLength={1000} />
        <TextField
          label={t('Weekly maintenance')}
          mono
          rows={3}
          value={text}
          onChange={setText}
          placeholder="sat sun 22:00 240"
          hint={t('Days, start and minutes, one window a line. No rollout starts on its nodes meanwhile.')}
          error={windows === null ? t('Write days, a time and minutes: sat sun 22:00 240') : undefined}
        />
        <TextField label={t('Time zone')} value={timezone} onChange={setTimezone} />
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
