import { t } from '@/lib/i18n'
import { Select } from '@/ui/select'
import type { Range } from './range'
import { RANGES, rangeLabel, rangeOf } from './range'

/** How far back charts go. */
export function RangeSelect({ value, onChange }: { value: Range; onChange: (range: Range) => void }) {
  return (
    <Select
      label={t('Time range')}
      hideLabel
      className="w-28"
      value={value}
      choices={RANGES.map((range) => ({ id: range, label: rangeLabel(range) }))}
      onChange={(text) => {
        const range = rangeOf(text)
        if (range !== undefined) onChange(range)
      }}
    />
  )
}
