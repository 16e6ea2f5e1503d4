import { useQuery } from '@tanstack/react-query'
import { Pencil, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { Snippet } from '@/api/gen'
import { deleteSnippet } from '@/api/gen'
import { listSnippetsOptions, listSnippetsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import type { Listed } from '@/app/optimistic'
import { useOptimistic, withItems } from '@/app/optimistic'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { heading } from '@/lib/words'
import { Button, IconButton } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { SearchField } from '@/ui/field'
import { InlineError, LoadingState } from '@/ui/states'
import { EventChange } from './event-change'
import { SnippetForm } from './snippet-form'

type SnippetDialogProps = { program: string; onInsert: (text: string) => void; onClose: () => void }

function matches(snippet: Snippet, query: string): boolean {
  const told = `${snippet.title} ${snippet.summary} ${snippet.category} ${snippet.program}`.toLowerCase()
  return query.toLowerCase().split(/\s+/).every((word) => told.includes(word))
}

/** Pieces of VRL to put where the cursor stands; and a way to keep one's own. */
export function SnippetDialog({ program, onInsert, onClose }: SnippetDialogProps) {
  const { org, env } = useScope()
  const can = useCan()
  const [query, setQuery] = useState('')
  const [isKeeping, setKeeping] = useState(false)
  const list = useQuery({ ...listSnippetsOptions({ path: { org, env } }), staleTime: 60_000 })
  const found = (list.data?.items ?? []).filter((each) => query.trim() === '' || matches(each, query.trim()))
  const categories = [...new Set(found.map((each) => each.category))]
  const footer = (
    <>
      {can('library.edit') && program.trim() !== '' && !isKeeping && <Button onPress={() => setKeeping(true)}>{t('Keep this program as a snippet…')}</Button>}
      <Button onPress={onClose}>{t('Close')}</Button>
    </>
  )
  return (
    <Dialog title={t('Snippets')} isOpen onClose={onClose} width="wide" footer={footer}>
      {isKeeping && <SnippetForm program={program} onDone={() => setKeeping(false)} />}
      <SearchField label={t('Search snippets')} className="my-2" value={query} onChange={setQuery} autoFocus />
      {list.isPending && <LoadingState />}
      {list.error !== null && <InlineError error={list.error} />}
      {list.isSuccess && found.length === 0 && <p className="py-4 text-secondary">{t('No snippet says all of this.')}</p>}
      {categories.map((category) => (
        <section key={category} aria-label={category}>
          <h3 className="mt-3 mb-1 text-sm font-medium text-secondary">{category === 'own' ? t('Yours') : heading(category)}</h3>
          <ul className="flex flex-col">
            {found.filter((each) => each.category === category).map((each) => (
              <Entry key={each.id} snippet={each} onInsert={onInsert} />
            ))}
          </ul>
        </section>
      ))}
    </Dialog>
  )
}

function Entry({ snippet, onInsert }: { snippet: Snippet; onInsert: (text: string) => void }) {
  const can = useCan()
  // Null before the first time, so that the focus goes back to the pencil only where the form was opened from it.
  const [isChanging, setChanging] = useState<boolean | null>(null)
  if (isChanging === true) {
    return (
      <li className="flex border-t py-2 first:border-t-0">
        <SnippetForm snippet={snippet} onDone={() => setChanging(false)} />
      </li>
    )
  }
  const isOwn = snippet.category === 'own' && can('library.edit')
  return (
    <li className="flex items-start gap-2 border-t py-2 first:border-t-0">
      <details className="min-w-0 flex-1">
        <summary className="cursor-pointer">
          <span className="font-medium">{snippet.title}</span> <span className="text-secondary">{snippet.summary}</span>
        </summary>
        <pre tabIndex={0} className="mt-1 overflow-auto rounded-md bg-sunken p-2 font-mono text-sm">{snippet.program}</pre>
        {snippet.before != null && snippet.after != null && (
          <div className="mt-1">
            <EventChange before={snippet.before} after={snippet.after} />
          </div>
        )}
      </details>
      {isOwn && (
        <>
          <IconButton autoFocus={isChanging === false} label={t('Change {name}', { name: snippet.title })} onPress={() => setChanging(true)}>
            <Pencil aria-hidden size={14} />
          </IconButton>
          <DeleteButton snippet={snippet} />
        </>
      )}
      <Button aria-label={t('Insert {title}', { title: snippet.title })} onPress={() => onInsert(snippet.program)}>
        {t('Insert')}
      </Button>
    </li>
  )
}

function DeleteButton({ snippet }: { snippet: Snippet }) {
  const { org, env } = useScope()
  const path = { org, env }
  const remove = useOptimistic({
    queryKey: listSnippetsQueryKey({ path }),
    mutationFn: () => deleteSnippet({ path: { ...path, id: snippet.id }, headers: { 'If-Match': snippet.etag ?? '' }, throwOnError: true }),
    expect: (seen: Listed<Snippet>) => withItems(seen, (items) => items.filter((each) => each.id !== snippet.id)),
  })
  return (
    <IconButton label={t('Delete {title}', { title: snippet.title })} isDisabled={remove.isPending} onPress={() => remove.mutate()}>
      <Trash2 aria-hidden size={14} />
    </IconButton>
  )
}
