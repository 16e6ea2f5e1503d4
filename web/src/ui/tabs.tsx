import type { ReactNode } from 'react'
import { Tab, TabList, TabPanel, Tabs as AriaTabs } from 'react-aria-components'

type TabsProps<Id extends string> = {
  label: string
  value: Id
  /** One with an icon shows that alone; its label is its name then. */
  tabs: { id: Id; label: string; count?: number; icon?: ReactNode }[]
  /** Little room on both sides of each, for many tabs over a narrow pane. */
  isDense?: boolean
  onChange: (id: Id) => void
  /** What the chosen tab stands for; it scrolls by itself. */
  children: ReactNode
}

/** A row of tabs over one panel that fills its parent. */
export function TabbedPane<Id extends string>({ label, value, tabs, isDense = false, onChange, children }: TabsProps<Id>) {
  return (
    <AriaTabs
      selectedKey={value}
      onSelectionChange={(key) => onChange(key as Id)}
      className="flex h-full min-h-0 flex-col bg-surface"
    >
      <div className="flex min-h-10 shrink-0 items-center border-b px-2 py-1 pointer-coarse:min-h-12">
        {/* Where the row is too narrow for all of them they stand in two: none is out of sight. */}
        <TabList aria-label={label} className={`flex flex-wrap gap-y-0.5 ${isDense ? 'gap-x-0.5' : 'gap-x-1'}`}>
          {tabs.map((tab) => (
            <Tab
              key={tab.id}
              id={tab.id}
              aria-label={tab.icon === undefined ? undefined : tab.label}
              className={`flex h-7 shrink-0 cursor-pointer pointer-coarse:h-10 items-center rounded-md ${isDense ? 'gap-1 px-1.5' : 'gap-1.5 px-2.5'} font-medium text-secondary hover:text-text data-[selected]:bg-hover data-[selected]:text-text`}
            >
              {tab.icon === undefined ? tab.label : <span title={tab.label}>{tab.icon}</span>}
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
