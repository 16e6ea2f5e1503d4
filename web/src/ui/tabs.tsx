import { Tab, TabList, Tabs as AriaTabs } from 'react-aria-components'

type TabsProps<Id extends string> = {
  label: string
  value: Id
  tabs: { id: Id; label: string; count?: number }[]
  onChange: (id: Id) => void
}

/** A row of tabs; the page renders what the chosen one stands for. */
export function TabRow<Id extends string>({ label, value, tabs, onChange }: TabsProps<Id>) {
  return (
    <AriaTabs selectedKey={value} onSelectionChange={(key) => onChange(key as Id)}>
      <TabList aria-label={label} className="flex gap-1">
        {tabs.map((tab) => (
          <Tab
            key={tab.id}
            id={tab.id}
            className="flex h-7 cursor-pointer items-center gap-1.5 rounded-md px-2.5 font-medium text-secondary hover:text-text data-[selected]:bg-hover data-[selected]:text-text"
          >
            {tab.label}
            {tab.count !== undefined && tab.count > 0 && <span className="text-sm tabular-nums">{tab.count}</span>}
          </Tab>
        ))}
      </TabList>
    </AriaTabs>
  )
}
