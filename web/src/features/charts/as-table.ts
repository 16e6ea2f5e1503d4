import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ChartName } from '@/app/search'
import { chartSearch } from '@/app/search'

/** Whether a chart is shown as a table, which stands in the address, and the way to change that. */
export function useAsTable(chart: ChartName): [boolean, (asTable: boolean) => void] {
  const navigate = useNavigate()
  const asTable = useSearch({ strict: false, select: (search) => search.tables?.split(',').includes(chart) === true })
  const change = (next: boolean) =>
    void navigate({
      to: '.',
      search: (before) => {
        const others = before.tables?.split(',').filter((each) => each !== chart) ?? []
        return { ...before, ...chartSearch({ tables: [...others, ...(next ? [chart] : [])].join(',') }) }
      },
      replace: true,
      resetScroll: false,
    })
  return [asTable, change]
}
