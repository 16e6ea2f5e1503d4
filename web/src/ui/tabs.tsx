import { type ReactNode, useEffect, useRef } from 'react'
import { Tab, TabList, TabPanel, Tabs as AriaTabs } from 'react-aria-components'

type TabsProps<Id extends string> = {
  label: string
  value: Id
  tabs: { id: Id; label: string; count?: number }[]
  onChange: (id: Id) => void
  /** What the chosen tab stands for; it scrolls by itself. */
  children: ReactNode
}

/** A row of tabs over one panel that fills its parent. */
export function TabbedPane<Id extends string>({ label, value, tabs, onChange, children }: TabsProps<Id>) {
  const row = useRef<HTMLDivElement>(null)
  // Where the row is wider than its place the chosen tab is scrolled into sight.
  useEffect(() => {
    row.current?.querySelector('[data-selected]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [value])
  return (
    <AriaTabs
      selectedKey={value}
      onSelectionChange={(key) => onChange(key as Id)}
      className="flex h-full min-h-0 flex-col bg-surface"
    >
      <div ref={row} className="flex h-10 shrink-0 items-center overflow-x-auto pointer-coarse:h-12 border-b px-2">
        <TabList aria-label={label} className="flex gap-1">
          {tabs.map((tab) => (
            <Tab
              key={tab.id}
              id={tab.id}
              className="flex h-7 shrink-0 cursor-pointer pointer-coarse:h-10 items-center gap-1.5 rounded-md px-2.5 font-medium text-secondary hover:text-text data-[selected]:bg-hover data-[selected]:text-text"
            >
              {tab.label}
              {tab.count !== undefined && tab.count > 0 && <span className="text-sm tabular-nums">{tab.count}</span>}
            </Tab>
          ))}
        </TabList>
      </div>
      <TabPanel key={value} id={value} className="min-h-0 flex-1 overflow-auto outline-none">
        {children}
      </TabPanel>
    </AriaTabs>
  )
}
