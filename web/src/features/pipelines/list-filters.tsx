import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Bookmark, BookmarkPlus, Trash2, X } from 'lucide-react'
import { useState } from 'react'
import type { SavedFilter } from '@/api/gen'
import { deletePipelineFilter, savePipelineFilter } from '@/api/gen'
import { listPipelineFiltersOptions, listPipelineFiltersQueryKey, listPipelineFoldersOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useDialog } from '@/app/dialogs'
import type { Listed } from '@/app/optimistic'
import { useOptimistic, withItems } from '@/app/optimistic'
import type { PipelineSearch } from '@/app/router'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { SearchField, TextField } from '@/ui/field'
import { Menu } from '@/ui/menu'
import { Select } from '@/ui/select'
import { InlineError } from '@/ui/states'
import { tagList } from './tag-changes'

const ANY = ''

/** Leaves out what is not set, so that an address says only what is filtered. */
export function filterOf(search: PipelineSearch): PipelineSearch {
  const { q, folder, tags } = search
  return Object.fromEntries(Object.entries({ q, folder, tags }).filter(([, value]) => value !== undefined && value !== ''))
}

function counted(items: { name: string; pipelines: number }[] | undefined, word: string) {
  return [{ id: ANY, label: word }, ...(items ?? []).map((each) => ({ id: each.name, label: each.name, hint: String(each.pipelines) }))]
}

/** Search, folder, tags and saved filters of the list; what is chosen stands in the address. */
export function ListFilters({ search }: { search: PipelineSearch }) {
  const { org, env } = useScope()
  const navigate = useNavigate({ from: '/$org/$env/pipelines' })
  const filing = useQuery(listPipelineFoldersOptions({ path: { org, env } })).data
  const go = (change: PipelineSearch) => void navigate({ search: filterOf({ ...search, ...change }), replace: true })
  const tags = tagList(search.tags ?? '')
  return (
    <div className="mb-3 flex flex-wrap items-center gap-2">
      <SearchField label={t('Search pipelines')} className="w-72 max-w-full" value={search.q ?? ''} onChange={(q) => go({ q })} />
      {((filing?.folders.length ?? 0) > 0 || search.folder !== undefined) && (
        <Select
          hideLabel
          label={t('Folder')}
          className="w-44"
          value={search.folder ?? ANY}
          choices={counted(filing?.folders, t('All folders'))}
          onChange={(folder) => go({ folder })}
        />
      )}
      {((filing?.tags.length ?? 0) > 0 || tags.length > 0) && (
        <Select
          hideLabel
          label={t('Tag')}
          className="w-36"
          value={ANY}
          choices={counted(filing?.tags.filter((each) => !tags.includes(each.name)), t('Add a tag'))}
          onChange={(tag) => tag !== ANY && go({ tags: [...tags, tag].join(',') })}
        />
      )}
      {tags.map((tag) => (
        <Button key={tag} aria-label={t('Without the tag {tag}', { tag })} onPress={() => go({ tags: tags.filter((each) => each !== tag).join(',') })}>
          {tag}
          <X aria-hidden size={12} />
        </Button>
      ))}
      <SavedFilters search={search} />
    </div>
  )
}

function SavedFilters({ search }: { search: PipelineSearch }) {
  const { org, env } = useScope()
  const path = { org, env }
  const navigate = useNavigate({ from: '/$org/$env/pipelines' })
  const saving = useDialog('save-filter')
  const saved = useQuery(listPipelineFiltersOptions({ path })).data?.items ?? []
  const present = new URLSearchParams(filterOf(search)).toString()
  const forget = useOptimistic({
    queryKey: listPipelineFiltersQueryKey({ path }),
    mutationFn: (id: string) => deletePipelineFilter({ path: { ...path, id }, throwOnError: true }),
    expect: (seen: Listed<SavedFilter>, id) => withItems(seen, (items) => items.filter((each) => each.id !== id)),
  })
  const current = saved.find((each) => each.search === present)
  if (saved.length === 0 && present === '') return null
  return (
    <>
      <Menu
        label={t('Saved filters')}
        trigger={
          <Button>
            <Bookmark aria-hidden size={14} />
            {current?.name ?? t('Filters')}
          </Button>
        }
        actions={[
          ...saved.map((each) => ({
            id: each.id,
            label: each.name,
            icon: <Bookmark size={14} />,
            onAction: () => void navigate({ search: filterOf(Object.fromEntries(new URLSearchParams(each.search))) }),
          })),
          ...(current === undefined
            ? [{ id: 'save', label: t('Save this filter…'), icon: <BookmarkPlus size={14} />, disabled: present === '', onAction: () => saving.open() }]
            : [{ id: 'forget', label: t('Forget {name}', { name: current.name }), icon: <Trash2 size={14} />, danger: true, onAction: () => forget.mutate(current.id) }]),
        ]}
      />
      {saving.isOpen && present !== '' && <SaveDialog search={present} onClose={saving.close} />}
    </>
  )
}

function SaveDialog({ search, onClose }: { search: string; onClose: () => void }) {
  const path = useScope()
  const [name, setName] = useState('')
  const save = useOptimistic({
    queryKey: listPipelineFiltersQueryKey({ path }),
    inForm: true,
    mutationFn: (filter: { name: string; search: string }) => savePipelineFilter({ path, body: filter, throwOnError: true }),
    expect: (seen: Listed<SavedFilter>, filter) => withItems(seen, (items) => [...items.filter((each) => each.name !== filter.name), { ...filter, id: 'saving' }]),
    onSuccess: onClose,
  })
  return (
    <Dialog
      isOpen={!save.isPending}
      onClose={onClose}
      title={t('Save this filter')}
      footer={
        <>
          <Button onPress={onClose}>{t('Cancel')}</Button>
          <Button variant="primary" isDisabled={save.isPending || name.trim() === ''} onPress={() => save.mutate({ name: name.trim(), search })}>
            {t('Save')}
          </Button>
        </>
      }
    >
      <TextField label={t('Name')} value={name} onChange={setName} autoFocus maxLength={60} hint={t('Only you see it. A filter of the same name is replaced.')} />
      {save.error !== null && <InlineError error={save.error} />}
    </Dialog>
  )
}
