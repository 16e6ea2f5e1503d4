import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import type { TemplateListed } from '@/api/gen'
import { listTemplatesOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { SearchField } from '@/ui/field'
import { Page, Section } from '@/ui/page'
import { EmptyState, ErrorState, LoadingState } from '@/ui/states'
import { matches } from './values'

const CATEGORIES = ['own', 'pattern', 'protection'] as const

function categoryTitle(category: TemplateListed['category']): string {
  return { own: t('Yours'), pattern: t('From source to sink'), protection: t('Data protection') }[category]
}

/** The gallery: pipelines to begin with, by category, to search and to choose. */
export function TemplatesPage() {
  const { org, env } = useScope()
  const { q, category } = useSearch({ from: '/signed-in/$org/$env/templates' })
  const navigate = useNavigate({ from: '/$org/$env/templates' })
  const list = useQuery({ ...listTemplatesOptions({ path: { org, env } }), staleTime: 60_000 })
  const found = (list.data?.items ?? []).filter((each) => (category === undefined || each.category === category) && (q === undefined || matches(each, q)))
  const search = (change: { q?: string | undefined; category?: TemplateListed['category'] | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  return (
    <Page title={t('Templates')} subtitle={t('Pipelines to begin with. Choose one, fill in what is yours, and change everything later.')}>
      <div className="mb-4 flex flex-wrap items-center gap-2">
        <SearchField label={t('Search templates')} className="w-72 max-w-full" value={q ?? ''} onChange={(text) => search({ q: text === '' ? undefined : text })} />
        <div role="group" aria-label={t('Category')} className="flex flex-wrap gap-1">
          {[undefined, ...CATEGORIES].map((each) => (
            <button
              key={each ?? 'all'}
              type="button"
              aria-pressed={category === each}
              onClick={() => search({ category: each })}
              className="h-7 cursor-pointer rounded-md px-2.5 font-medium text-secondary hover:text-text aria-pressed:bg-hover aria-pressed:text-text"
            >
              {each === undefined ? t('All') : categoryTitle(each)}
            </button>
          ))}
        </div>
      </div>
      {list.isPending && <LoadingState />}
      {list.error !== null && list.data === undefined && <ErrorState error={list.error} onRetry={() => void list.refetch()} />}
      {list.isSuccess && found.length === 0 && <Nothing isOwn={category === 'own' && q === undefined} />}
      {CATEGORIES.map((each) => {
        const some = found.filter((template) => template.category === each)
        return some.length === 0 ? null : (
          <Section key={each} title={categoryTitle(each)}>
            <ul className="grid grid-cols-1 gap-3 sm:grid-cols-2 lg:grid-cols-3">
              {some.map((template) => (
                <Card key={template.id} template={template} />
              ))}
            </ul>
          </Section>
        )
      })}
    </Page>
  )
}

function Nothing({ isOwn }: { isOwn: boolean }) {
  if (!isOwn) return <EmptyState title={t('No template matches')}>{t('Try fewer words, or the name of a component.')}</EmptyState>
  return (
    <EmptyState title={t('No templates of your own yet')}>
      {t('In the list of pipelines, open the menu of one and choose “Save as template”. Credentials in it are left out.')}
    </EmptyState>
  )
}

function Card({ template }: { template: TemplateListed }) {
  const { org, env } = useScope()
  return (
    <li className="relative flex flex-col gap-1 rounded-lg border bg-surface p-3 focus-within:border-focus hover:border-control">
      <h3 className="font-medium [overflow-wrap:anywhere]">
        <Link to="/$org/$env/templates/$templateId" params={{ org, env, templateId: template.id }} className="outline-none after:absolute after:inset-0 after:rounded-lg focus-visible:after:outline-2 focus-visible:after:outline-focus">
          {template.title}
        </Link>
      </h3>
      <p className="flex-1 text-sm text-secondary">{template.summary === '' ? t('A copy of one of your pipelines.') : template.summary}</p>
      <p className="truncate font-mono text-sm text-secondary">{template.types.join(' → ')}</p>
    </li>
  )
}
