import type { ReactNode } from 'react'
import { t } from '@/lib/i18n'
import { Checkbox } from './checkbox'

export type Column<Row> = {
  key: string
  title: string
  render: (row: Row) => ReactNode
  align?: 'right'
  width?: string
  /** Left out below 640 pixels. */
  wideOnly?: boolean
}

export const HEAD_CLASS = 'h-8 border-b border-line px-2 text-left text-sm font-medium whitespace-nowrap text-secondary first:pl-0 last:pr-0'
export const CELL_CLASS = 'h-9 border-b border-line px-2 first:pl-0 last:pr-0'

function cellClass<Row>(column: Column<Row>, base: string): string {
  const align = column.align === 'right' ? 'text-right! tabular-nums' : ''
  const wide = column.wideOnly ? 'max-sm:hidden' : ''
  return `${base} ${align} ${wide}`
}

type TableProps<Row> = {
  label: string
  columns: Column<Row>[]
  rows: Row[]
  rowKey: (row: Row) => string
  /** With it, rows can be chosen for what is done to several at once; not below 640 pixels. */
  choice?: RowChoice<Row>
}

export type RowChoice<Row> = {
  chosen: ReadonlySet<string>
  onChange: (chosen: Set<string>) => void
  nameOf: (row: Row) => string
}

/** A plain table for lists that stay short. */
export function Table<Row>({ label, columns, rows, rowKey, choice }: TableProps<Row>) {
  return (
    // Positioned, so that what is only for screen readers is cut off with the table and never widens the page.
    <div className="relative overflow-x-auto">
      <table aria-label={label} className="w-full border-collapse tabular-nums">
        <thead>
          <tr>
            {choice !== undefined && (
              <th scope="col" className={`${HEAD_CLASS} w-8 max-sm:hidden`}>
                <ChooseAll keys={rows.map(rowKey)} choice={choice} />
              </th>
            )}
            {columns.map((column) => (
              <th key={column.key} scope="col" className={cellClass(column, HEAD_CLASS)} style={{ width: column.width }}>
                {column.title === '' ? <span className="sr-only">{t('Actions')}</span> : column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className="hover:bg-hover/60">
              {choice !== undefined && (
                <td className={`${CELL_CLASS} max-sm:hidden`}>
                  <Checkbox
                    hideLabel
                    label={t('Choose {name}', { name: choice.nameOf(row) })}
                    isSelected={choice.chosen.has(rowKey(row))}
                    onChange={() => choice.onChange(toggled(choice.chosen, rowKey(row)))}
                  />
                </td>
              )}
              {columns.map((column) => (
                <td key={column.key} className={cellClass(column, CELL_CLASS)}>
                  {column.render(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function toggled(chosen: ReadonlySet<string>, key: string): Set<string> {
  const next = new Set(chosen)
  if (!next.delete(key)) next.add(key)
  return next
}

function ChooseAll<Row>({ keys, choice }: { keys: string[]; choice: RowChoice<Row> }) {
  const count = keys.filter((key) => choice.chosen.has(key)).length
  return (
    <Checkbox
      hideLabel
      label={t('Choose all')}
      isSelected={count > 0 && count === keys.length}
      isIndeterminate={count > 0 && count < keys.length}
      onChange={(all) => choice.onChange(new Set(all ? keys : []))}
    />
  )
}
