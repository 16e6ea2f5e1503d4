import type { QueryKey } from '@tanstack/react-query'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import type { ReactNode } from 'react'
import { useRef } from 'react'
import type { SecretUse } from '@/api/gen'
import type { RowOpening } from '@/app/dialogs'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { StateBadge } from '@/ui/badge'
import { Button } from '@/ui/button'
import { ConfirmDialog } from '@/ui/dialog'
import type { Pages } from '@/ui/more-button'
import { MoreButton } from '@/ui/more-button'
import { EmptyState, ErrorState, InlineError, LoadingState } from '@/ui/states'

/** Whether something is fine, due or over, as shape, colour and word. */
export function TimeState({ state }: { state: 'ok' | 'due' | 'expired' }) {
  if (state === 'ok') return <StateBadge tone="good" label={t('in date')} />
  return state === 'due' ? <StateBadge tone="warn" label={t('due')} /> : <StateBadge tone="bad" label={t('expired')} />
}

/** The pipelines that use something, as links. */
export function UsedBy({ uses }: { uses: SecretUse[] }) {
  const scope = useScope()
  if (uses.length === 0) return <span className="text-secondary">{t('nothing')}</span>
  return (
    <span className="flex flex-wrap gap-x-3">
      {uses.map((use) => (
        <Link key={use.pipeline_id} to="/$org/$env/pipelines/$pipelineId" params={{ ...scope, pipelineId: use.pipeline_id }} className="hover:underline">
          {use.name}
        </Link>
      ))}
    </span>
  )
}

export function Name({ children, note }: { children: string; note?: string }) {
  return (
    <span className="flex min-w-24 flex-col py-1">
      <span className="font-mono text-sm font-medium [overflow-wrap:anywhere]">{children}</span>
      {note !== undefined && note !== '' && <span className="text-sm text-secondary [overflow-wrap:anywhere]">{note}</span>}
    </span>
  )
}

type ListQuery = {
  isPending: boolean
  error: unknown
  refetch: () => unknown
  items: readonly unknown[]
}

type ListProps = {
  list: ListQuery & Partial<Pages>
  about: string
  emptyTitle: string
  newLabel: string | null
  onNew: () => void
  children: ReactNode
}

/** One kind of thing: a sentence about it, the way to a new one, and the list or what stands for it. */
export function KindList({ list, about, emptyTitle, newLabel, onNew, children }: ListProps) {
  const make = newLabel !== null && (
    <Button variant="primary" onPress={onNew}>
      <Plus aria-hidden size={14} />
      {newLabel}
    </Button>
  )
  if (list.isPending) return <LoadingState />
  if (list.error != null && list.items.length === 0) return <ErrorState error={list.error} onRetry={() => void list.refetch()} />
  if (list.items.length === 0) {
    return (
      <EmptyState title={emptyTitle} action={make}>
        {about}
      </EmptyState>
    )
  }
  return (
    <>
      <div className="mb-2 flex flex-wrap items-start gap-3">
        <p className="min-w-0 flex-1 basis-72 text-secondary">{about}</p>
        {make}
      </div>
      {children}
      <MoreButton list={list} />
    </>
  )
}

type DeleteProps<Row> = {
  asked: RowOpening<Row>
  remove: (row: Row) => Promise<unknown>
  /** The list that the row is gone from. */
  listKey: QueryKey
  /** What keeps a row from being deleted. */
  limit?: string
}

/** Asks whether a row is to be deleted, and deletes it. */
export function DeleteNamed<Row extends { id: string; name: string }>({ asked: { row, close }, ...rest }: DeleteProps<Row>) {
  // Each row has a question of its own, so that what was refused for one is not said of the next.
  return row === null ? null : <DeleteDialog key={row.id} row={row} onClose={close} {...rest} />
}

type DeleteDialogProps<Row> = Omit<DeleteProps<Row>, 'asked'> & { row: Row; onClose: () => void }

function DeleteDialog<Row extends { name: string }>({ row, onClose, remove, listKey, limit }: DeleteDialogProps<Row>) {
  const queryClient = useQueryClient()
  const removal = useMutation({
    mutationFn: () => remove(row),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listKey })
      onClose()
    },
  })
  return (
    <ConfirmDialog
      isOpen
      title={t('Delete {name}?', { name: row.name })}
      confirmLabel={t('Delete')}
      isPending={removal.isPending}
      onClose={onClose}
      onConfirm={() => removal.mutate()}
    >
      <p>{limit ?? t('What a pipeline names cannot be deleted.')}</p>
      {removal.error !== null && <InlineError error={removal.error} />}
    </ConfirmDialog>
  )
}

/** A button that opens the system's choice of a file. */
export function FileButton({ label, accept, onFile }: { label: string; accept?: string; onFile: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <Button onPress={() => input.current?.click()}>{label}</Button>
      <input
        ref={input}
        type="file"
        aria-label={label}
        tabIndex={-1}
        accept={accept}
        className="hidden"
        onChange={(event) => {
          const file = event.target.files?.[0]
          if (file !== undefined) onFile(file)
          event.target.value = ''
        }}
      />
    </>
  )
}
