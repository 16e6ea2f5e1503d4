import type { ReactNode } from 'react'
import { t } from '@/lib/i18n'
import { useNarrow } from '@/lib/use-narrow'
import { Checkbox } from './checkbox'

export type Column<Row> = {
  key: string
  title: string
  render: (row: Row) => ReactNode
  align?: 'right'
  width?: string
  /** Left out below 640 pixels. */
  wideOnly?: boolean
  /** Below 640 pixels on a line of its own under the row, so that its buttons are never off screen. */
  ownLine?: boolean
}

export const HEAD_CLASS = 'h-8 border-b border-line px-2 text-left text-sm font-medium whitespace-nowrap text-secondary first:pl-0 last:pr-0'
const CELL = 'h-9 px-2 first:pl-0 last:pr-0'
export const CELL_CLASS = `${CELL} border-b border-line`

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
  /** With it, rows can be chosen for what is done to several at once, also by touch. */
  choice?: RowChoice<Row>
}

export type RowChoice<Row> = {
  chosen: ReadonlySet<string>
  onChange: (chosen: Set<string>) => void
  nameOf: (row: Row) => string
}

/** A plain table for lists that stay short. */
export function Table<Row>({ label, columns: all, rows, rowKey, choice }: TableProps<Row>) {
  const narrow = useNarrow()
  const columns = narrow ? all.filter((column) => column.ownLine !== true) : all
  const beneath = narrow ? all.filter((column) => column.ownLine) : []
  return (
    // Positioned, so that what is only for screen readers is cut off with the table and never widens the page.
    <div className="relative overflow-x-auto">
      <table aria-label={label} className="w-full border-collapse tabular-nums">
        <thead>
          <tr>
            {choice !== undefined && (
              <th scope="col" className={`${HEAD_CLASS} w-8 max-sm:pointer-coarse:pr-0`}>
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
            <Row key={rowKey(row)} row={row} id={rowKey(row)} columns={columns} beneath={beneath} choice={choice} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

type RowProps<Item> = { row: Item; id: string; columns: Column<Item>[]; beneath: Column<Item>[]; choice: RowChoice<Item> | undefined }

function Row<Item>({ row, id, columns, beneath, choice }: RowProps<Item>) {
  const lines = beneath.map((column) => ({ key: column.key, content: column.render(row) })).filter(({ content }) => Boolean(content))
  const cell = lines.length > 0 ? CELL : CELL_CLASS
  return (
    <>
      <tr className="hover:bg-hover/60">
        {choice !== undefined && (
          <td className={`${cell} max-sm:pointer-coarse:pr-0`}>
            <Checkbox
              hideLabel
              label={t('Choose {name}', { name: choice.nameOf(row) })}
              isSelected={choice.chosen.has(id)}
              onChange={() => choice.onChange(toggled(choice.chosen, id))}
            />
          </td>
        )}
        {columns.map((column) => (
          <td key={column.key} className={cellClass(column, cell)}>
            {column.render(row)}
          </td>
        ))}
      </tr>
      {lines.map(({ key, content }) => (
        <tr key={key}>
          <td colSpan={columns.length + (choice === undefined ? 0 : 1)} className="border-b border-line pb-2 text-right">
            {content}
          </td>
        </tr>
      ))}
    </>
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
