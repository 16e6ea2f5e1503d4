import { useState } from 'react'
import { t } from '@/lib/i18n'
import { SearchField, TextField } from '@/ui/field'
import { Section } from '@/ui/page'
import { Select } from '@/ui/select'
import { Switch } from '@/ui/switch'

/** Everything one can type into or choose from. */
export function Fields() {
  const [text, setText] = useState('')
  const [query, setQuery] = useState('')
  const [codec, setCodec] = useState<string | null>('json')
  const [isOn, setOn] = useState(true)
  const choices = ['json', 'text', 'csv'].map((id) => ({ id, label: id, ...(id === 'json' ? { hint: t('default') } : {}) }))
  return (
    <Section title={t('Fields')}>
      <div className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
        <TextField label={t('Text')} value={text} onChange={setText} hint={t('A hint stands beneath.')} />
        <TextField label={t('With an error')} value="7up" onChange={() => undefined} error={t('Letters first, then digits.')} />
        <TextField label={t('Disabled')} value={t('as it is')} onChange={() => undefined} isDisabled />
        <TextField label={t('An id')} mono value="access_log" onChange={() => undefined} />
        <TextField label={t('Several lines')} rows={3} value={text} onChange={setText} />
        <Select label={t('Choice')} mono value={codec} choices={choices} onChange={setCodec} />
        <div className="flex flex-col gap-2">
          <span className="text-sm font-medium">{t('Search')}</span>
          <SearchField label={t('Search')} value={query} onChange={setQuery} />
        </div>
        <div className="flex flex-col gap-3 pt-5">
          <Switch label={t('Switch')} isSelected={isOn} onChange={setOn} />
          <Switch label={t('Disabled')} isDisabled isSelected={false} onChange={() => undefined} />
        </div>
      </div>
    </Section>
  )
}
