import { Moon, Sun } from 'lucide-react'
import type { ReactNode } from 'react'
import { setTheme, useTheme } from '@/app/theme'
import { t } from '@/lib/i18n'
import { StateBadge, Tag } from '@/ui/badge'
import { Button, IconButton } from '@/ui/button'
import { Facts, Page, Section } from '@/ui/page'
import { EmptyState, InlineError, LoadingState, StaleNote } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { Fields } from './fields'
import { Overlays } from './overlays'
import { TextViews } from './text-views'

const GROUNDS = ['background', 'surface', 'raised', 'sunken', 'hover', 'selected']
const INK = ['text', 'secondary', 'primary', 'focus', 'control', 'line']
const HUES: [string, () => string][] = [
  ['source', () => t('where events come from')],
  ['transform', () => t('what changes them')],
  ['sink', () => t('where they go')],
  ['good', () => t('as it should be')],
  ['warn', () => t('look at it')],
  ['bad', () => t('wrong')],
  ['unknown', () => t('nothing is known')],
]

/** Every primitive in every state, in the theme that is on: the page to look at when one of them changes. */
export function DesignPage() {
  const isDark = useTheme() === 'dark'
  return (
    <Page
      title={t('Design')}
      subtitle={t('All primitives, as the pages use them')}
      actions={
        <IconButton label={isDark ? t('Light') : t('Dark')} onPress={() => setTheme(isDark ? 'light' : 'dark')}>
          {isDark ? <Sun aria-hidden size={15} /> : <Moon aria-hidden size={15} />}
        </IconButton>
      }
    >
      <Colours />
      <Type />
      <Section title={t('Buttons')}>
        <Row>
          <Button variant="primary">{t('Primary')}</Button>
          <Button>{t('Secondary')}</Button>
          <Button variant="quiet">{t('Quiet')}</Button>
          <Button variant="danger">{t('Danger')}</Button>
          <Button isDisabled>{t('Disabled')}</Button>
          <Button variant="primary" isDisabled>
            {t('Disabled')}
          </Button>
          <IconButton label={t('Icon')}>
            <Sun aria-hidden size={15} />
          </IconButton>
        </Row>
      </Section>
      <Fields />
      <Section title={t('States and tags')}>
        <Row>
          <StateBadge tone="good" label={t('Healthy')} />
          <StateBadge tone="warn" label={t('Degraded')} />
          <StateBadge tone="bad" label={t('Refused')} />
          <StateBadge tone="unknown" label={t('Pending')} />
          <StateBadge tone="active" label={t('Running')} />
          <StateBadge tone="active" paused label={t('Paused')} />
          <Tag>region=eu</Tag>
          <StaleNote seconds={94} />
        </Row>
      </Section>
      <Tables />
      <Overlays />
      <TextViews />
      <Section title={t('Empty, loading, error')}>
        <div className="grid gap-6 md:grid-cols-3">
          <EmptyState title={t('Nothing here yet')} action={<Button variant="primary">{t('The next thing to do')}</Button>}>
            {t('What this place is for, in one sentence.')}
          </EmptyState>
          <LoadingState rows={5} />
          <div>
            <InlineError error={new Error(t('What happened, and what to do about it.'))} />
          </div>
        </div>
      </Section>
    </Page>
  )
}

function Row({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-3">{children}</div>
}

function Swatch({ token, words }: { token: string; words?: string }) {
  return (
    <div className="flex items-center gap-2">
      <span aria-hidden className="size-8 shrink-0 rounded-md border border-line" style={{ background: `var(--${token})` }} />
      <span className="min-w-0">
        <span className="block truncate font-mono text-sm">{token}</span>
        {words !== undefined && <span className="block text-sm text-secondary">{words}</span>}
      </span>
    </div>
  )
}

function Colours() {
  return (
    <Section title={t('Colours')}>
      <p className="mb-3 text-secondary">{t('One hue per meaning. State is never colour alone: a shape or a word stands beside it.')}</p>
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-6">
        {[...GROUNDS, ...INK].map((token) => (
          <Swatch key={token} token={token} />
        ))}
      </div>
      <div className="mt-4 grid grid-cols-1 gap-3 sm:grid-cols-2 lg:grid-cols-4">
        {HUES.map(([token, words]) => (
          <div key={token} className="flex items-center gap-3">
            <Swatch token={token} words={words()} />
            <span className="rounded-md px-2 py-0.5 font-medium" style={{ color: `var(--${token})`, background: `var(--${token}-tint)` }}>
              {t('on its tint')}
            </span>
          </div>
        ))}
      </div>
    </Section>
  )
}

function Type() {
  return (
    <Section title={t('Type')}>
      <Facts
        items={[
          [t('20 px, titles'), <span className="text-xl font-semibold">{t('Where the events go')}</span>],
          [t('16 px, sections'), <span className="text-lg font-semibold">{t('Where the events go')}</span>],
          [t('13 px, words'), t('Where the events go, and how many of them arrive.')],
          [t('12 px, secondary'), <span className="text-sm text-secondary">{t('Where the events go, and how many of them arrive.')}</span>],
          [t('Ids and values'), <span className="font-mono text-sm">split._unmatched → archive</span>],
          [t('Figures that change'), <span className="tabular-nums">1,024 · 88.4 · 0.07</span>],
        ]}
      />
    </Section>
  )
}

type Example = { name: string; rate: string; state: 'good' | 'warn' }

function Tables() {
  const rows: Example[] = [
    { name: 'web-1', rate: '1,204/s', state: 'good' },
    { name: 'web-2', rate: '87/s', state: 'warn' },
  ]
  const columns: Column<Example>[] = [
    { key: 'name', title: t('Node'), render: (row) => <span className="font-medium">{row.name}</span> },
    { key: 'state', title: t('State'), render: (row) => <StateBadge tone={row.state} label={row.state === 'good' ? t('Healthy') : t('Degraded')} /> },
    { key: 'rate', title: t('Rate'), align: 'right', render: (row) => row.rate },
  ]
  return (
    <Section title={t('Tables')}>
      <Table label={t('Example')} columns={columns} rows={rows} rowKey={(row) => row.name} />
    </Section>
  )
}
