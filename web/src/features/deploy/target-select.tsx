import { useQuery } from '@tanstack/react-query'
import { listGroupsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Select } from '@/ui/select'

/** For whom the pipeline was before; at first every node. */
export const AS_BEFORE = 'as-before'
const EVERY_NODE = 'every-node'

/** What a rollout's body says about whom it is for. */
export function targetBody(target: string): { selector: string | null; group_id: string | null } {
  if (target === AS_BEFORE) return { selector: null, group_id: null }
  if (target === EVERY_NODE) return { selector: '', group_id: null }
  return { selector: null, group_id: target }
}

/** Chooses whom a deploy is for; nothing to choose where there are no groups. */
export function TargetSelect({ value, onChange }: { value: string; onChange: (target: string) => void }) {
  const groups = useQuery(listGroupsOptions({ path: useScope() }))
  const items = groups.data?.items ?? []
  if (items.length === 0) return null
  return (
    <Select
      label={t('For')}
      className="mb-4 w-64"
      value={value}
      onChange={onChange}
      choices={[
        { id: AS_BEFORE, label: t('the same nodes as before') },
        { id: EVERY_NODE, label: t('every node') },
        ...items.map(({ id, name, nodes }) => ({ id, label: t('group {name}', { name }), hint: String(nodes) })),
      ]}
    />
  )
}
