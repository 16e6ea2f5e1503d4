import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { TapNew } from '@/api/gen'
import { getRatesOptions, listNodesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { TextField } from '@/ui/field'
import { Select } from '@/ui/select'
import { conditionsFrom } from './conditions'

export type TapTarget = { pipelineId: string; component?: string | undefined; port?: string | undefined; nodeId?: string | undefined }

type TapFormProps = { target: TapTarget; isPending: boolean; onOpen: (wish: TapNew) => void; beside: ReactNode }

const ALL = 'all'
const RATES = [5, 20, 50, 100, 500]
const MINUTES = [1, 5, 15, 60]

/** The outputs that engines have counted, by component; the default output has no name here. */
function useOutputs(pipelineId: string) {
  const { org, env } = useScope()
  const rates = useQuery(getRatesOptions({ path: { org, env, id: pipelineId } })).data
  return Object.entries(rates?.components ?? {}).flatMap(([component, counted]) =>
    Object.entries(counted.outputs).map(([output, { events_per_second: rate }]) => ({
      component,
      port: output === '_default' ? '' : output,
      rate,
    })),
  )
}

/** What to look at, where, why, and how much of it. */
export function TapForm({ target, isPending, onOpen, beside }: TapFormProps) {
  const { org, env } = useScope()
  const outputs = useOutputs(target.pipelineId)
  const nodes = useQuery(listNodesOptions({ path: { org, env }, query: { limit: 200 } })).data?.items ?? []
  const [component, setComponent] = useState(target.component ?? '')
  const [port, setPort] = useState(target.port ?? '')
  const [node, setNode] = useState(target.nodeId ?? ALL)
  const [reason, setReason] = useState('')
  const [conditions, setConditions] = useState('')
  const [redact, setRedact] = useState('')
  const [rate, setRate] = useState('50')
  const [minutes, setMinutes] = useState('5')
  const { where, problem } = conditionsFrom(conditions)
  const names = [...new Set([...outputs.map((each) => each.component), ...(target.component === undefined ? [] : [target.component])])].sort()
  const ports = outputs.filter((each) => each.component === component)
  const open = () =>
    onOpen({
      pipeline_id: target.pipelineId,
      component,
      port,
      reason: reason.trim(),
      node_id: node === ALL ? null : node,
      where,
      redact: redact.split(/[\s,]+/).filter((name) => name !== ''),
      seconds: Number(minutes) * 60,
      events_per_second: Number(rate),
    })
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        open()
      }}
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <Select
          label={t('Component')}
          mono
          value={component === '' ? null : component}
          placeholder={t('Choose a component')}
          choices={names.map((id) => ({ id, label: id }))}
          onChange={(id) => (setComponent(id), setPort(''))}
        />
        <Select
          label={t('Output')}
          value={port}
          onChange={setPort}
          choices={[
            { id: '', label: t('All outputs') },
            ...ports.filter((each) => each.port !== '').map((each) => ({ id: each.port, label: each.port, hint: t('{rate}/s', { rate: formatRate(each.rate) }) })),
            // One that nothing was counted on yet can be waited for.
            ...(port !== '' && !ports.some((each) => each.port === port) ? [{ id: port, label: port }] : []),
          ]}
        />
        <Select
          label={t('Node')}
          value={node}
          onChange={setNode}
          choices={[{ id: ALL, label: t('All nodes that run it (up to 20)') }, ...nodes.map(({ id, name }) => ({ id, label: name }))]}
        />
        <div className="grid grid-cols-2 gap-3">
          <Select label={t('Most per second')} value={rate} onChange={setRate} choices={RATES.map((each) => ({ id: String(each), label: String(each) }))} />
          <Select label={t('For')} value={minutes} onChange={setMinutes} choices={MINUTES.map((each) => ({ id: String(each), label: t('{n, plural, one {# minute} other {# minutes}}', { n: each }) }))} />
        </div>
      </div>
      <TextField label={t('Reason')} value={reason} onChange={setReason} isRequired maxLength={500} hint={t('A few words are needed; they stand in the log, with what you look at.')} />
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          label={t('Only events where')}
          rows={2}
          mono
          value={conditions}
          onChange={setConditions}
          placeholder={t('for example level=error')}
          hint={t('One condition on each line: level=error, status>499, message~text, .user.id? One of them may be in VRL: vrl: .a == .b')}
          {...(problem === null ? {} : { error: t('This is no condition: {line}', { line: problem }) })}
        />
        <TextField
          label={t('Hide these fields too')}
          rows={2}
          mono
          value={redact}
          onChange={setRedact}
          hint={t('Passwords, tokens, e-mail and IP addresses, card numbers and the like are replaced on the node in any case.')}
        />
      </div>
      {/* In sight also where the form is longer than the window. */}
      <div className="sticky -bottom-2 -mb-2 flex justify-end gap-2 bg-raised py-2">
        {beside}
        <Button variant="primary" type="submit" isDisabled={isPending || component === '' || reason.trim().length < 3 || problem !== null}>
          {t('Start')}
        </Button>
      </div>
    </form>
  )
}
