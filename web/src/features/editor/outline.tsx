import { useComponentRates } from '@/features/live/rates-context'
import { formatRate } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useEditor, useEditorState } from './context'
import { portLabel } from './graph/connect'
import type { Component } from './graph/types'
import { kindTitle } from './palette'

/** The graph in words: every component with what feeds it and what it feeds. */
export function Outline() {
  const components = useEditorState((state) => state.draft.document.components)
  return (
    <div className="flex flex-col gap-4 p-4">
      {(['source', 'transform', 'sink'] as const).map((kind) => {
        const own = components.filter((each) => each.kind === kind)
        return (
          own.length > 0 && (
            <section key={kind}>
              <h2 className="mb-1 text-sm font-medium text-secondary">{kindTitle(kind)}</h2>
              <ul>
                {own.map((component) => (
                  <OutlineItem key={component.id} component={component} />
                ))}
              </ul>
            </section>
          )
        )
      })}
      {components.length === 0 && <p className="text-secondary">{t('The pipeline is empty.')}</p>}
    </div>
  )
}

function OutlineItem({ component }: { component: Component }) {
  const { select, selected } = useEditor()
  const edges = useEditorState((state) => state.draft.document.edges)
  const rates = useComponentRates(component.id)
  const inputs = edges.filter((each) => each.target === component.id).map((each) => `${each.source}.${portLabel(each.port)}`)
  const outputs = edges
    .filter((each) => each.source === component.id)
    .map((each) => {
      const rate = rates?.outputs[each.port]?.events_per_second
      return `${portLabel(each.port)} → ${each.target}${rate === undefined ? '' : ` (${formatRate(rate)}/s)`}`
    })
  return (
    <li>
      <button
        type="button"
        aria-current={selected === component.id}
        onClick={() => select(component.id)}
        className="w-full cursor-pointer rounded-md px-2 py-1.5 text-left hover:bg-hover aria-[current=true]:bg-selected"
      >
        <span className="font-mono text-sm font-medium">{component.id}</span> <span className="text-sm text-secondary">{component.type}</span>
        {inputs.length > 0 && <span className="block text-sm text-secondary">{t('from {list}', { list: inputs.join(', ') })}</span>}
        {outputs.map((each) => (
          <span key={each} className="block text-sm text-secondary tabular-nums">
            {each}
          </span>
        ))}
      </button>
    </li>
  )
}
