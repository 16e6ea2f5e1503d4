import type { ReactNode } from 'react'

type PageProps = {
  title: string
  children: ReactNode
  actions?: ReactNode
  /** What stands beneath the title: a state, a path, a sentence. */
  subtitle?: ReactNode
}

/** A page with a title row and one scrolling body. */
export function Page({ title, children, actions, subtitle }: PageProps) {
  return (
    <main className="min-h-0 min-w-0 flex-1 overflow-auto">
      <title>{`${title} · VectorFlow`}</title>
      <div className="mx-auto max-w-7xl px-4 pb-16 sm:px-6">
        <div className="flex min-h-14 flex-wrap items-center gap-x-3 gap-y-2 py-3">
          <h1 className="min-w-0 text-xl font-semibold [overflow-wrap:anywhere]">{title}</h1>
          <div className={`min-w-0 flex-1 text-secondary max-sm:empty:hidden ${subtitle === undefined ? '' : 'max-sm:order-last max-sm:basis-full'}`}>{subtitle}</div>
          <div className="flex flex-wrap items-center gap-2">{actions}</div>
        </div>
        {children}
      </div>
    </main>
  )
}

/** A part of a page with its own heading. */
export function Section({ title, children, aside }: { title: string; children: ReactNode; aside?: ReactNode }) {
  return (
    <section className="mt-8 first:mt-2">
      <div className="mb-2 flex min-h-7 flex-wrap items-center gap-x-3 gap-y-2">
        <h2 className="flex-1 text-lg font-semibold">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}

/** Names and values, one row each. */
export function Facts({ items }: { items: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[minmax(8rem,auto)_1fr] gap-x-6 gap-y-1.5">
      {items.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-secondary">{name}</dt>
          <dd className="min-w-0 [overflow-wrap:anywhere] tabular-nums [&>span]:whitespace-normal">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
