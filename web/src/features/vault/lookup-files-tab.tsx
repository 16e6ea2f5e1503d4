import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useState } from 'react'
import type { ListLookupFilesResponse, LookupFile } from '@/api/gen'
import { createLookupFile, deleteLookupFile, getLookupFile, listLookupFiles, renewLookupFile } from '@/api/gen'
import { listLookupFilesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatAge, formatBytes, shortHash } from '@/lib/format'
import { t } from '@/lib/i18n'
import { useNow } from '@/lib/now'
import { pageAt, usePages } from '@/lib/use-pages'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { InlineError } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { DeleteNamed, FileButton, KindList, Name, UsedBy } from './parts'

// The description of the API has no name for a body that is a file; it is sent as it is.
function asBody(file: File): { body: never; bodySerializer: null } {
  return { body: file as never, bodySerializer: null }
}

const BYTES = { 'Content-Type': 'application/octet-stream' }

export function LookupFilesTab() {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const now = useNow(10_000)
  const list = usePages<LookupFile, ListLookupFilesResponse>({
    queryKey: [...listLookupFilesQueryKey({ path }), 'pages'],
    fetchPage: async (cursor, signal) => (await listLookupFiles({ path, query: pageAt(cursor), signal, throwOnError: true })).data,
  })
  const mayWrite = can('lookup-file.write')
  const rows = list.isSuccess ? list.items : undefined
  const one = async (id: string) => (await getLookupFile({ path: { ...path, id }, throwOnError: true })).data
  const uploading = useRowDialog('lookup-file', rows, { one, may: mayWrite })
  const removing = useRowQuestion('delete', rows, { one })
  const remove = (row: LookupFile) => deleteLookupFile({ path: { ...path, id: row.id }, headers: { 'If-Match': row.etag }, throwOnError: true })
  const columns: Column<LookupFile>[] = [
    { key: 'name', title: t('Name'), render: (row) => <Name note={row.detail}>{row.name}</Name> },
    { key: 'size', title: t('Size'), align: 'right', render: (row) => formatBytes(row.size) },
    { key: 'version', title: t('Version'), align: 'right', wideOnly: true, render: (row) => row.version },
    { key: 'hash', title: t('SHA-256'), wideOnly: true, render: (row) => <span className="font-mono text-sm">{shortHash(row.sha256)}</span> },
    { key: 'used', title: t('Used by'), wideOnly: true, render: (row) => <UsedBy uses={row.used_by} /> },
    { key: 'updated', title: t('Uploaded'), wideOnly: true, render: (row) => <span className="text-secondary">{t('{age} by {name}', { age: formatAge(row.updated_at, now), name: row.uploaded_by })}</span> },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) => (
        <span className="inline-flex items-center gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
          <a href={`/api/v1/orgs/${org}/environments/${env}/lookup-files/${row.id}/content`} className="inline-flex items-center gap-1 hover:underline" download>
            <Download aria-hidden size={14} />
            {t('Download')}
          </a>
          {mayWrite && <Button onPress={() => uploading.open(row)}>{t('New version…')}</Button>}
          {mayWrite && (
            <Button variant="danger" onPress={() => removing.open(row)}>
              {t('Delete…')}
            </Button>
          )}
        </span>
      ),
    },
  ]
  return (
    <>
      <KindList
        list={list}
        emptyTitle={t('No lookup files yet')}
        about={t('Tables that events are enriched from: CSV, or a MaxMind database. An enrichment table names one as FILE[name]; nodes fetch it by its hash.')}
        newLabel={mayWrite ? t('Upload file') : null}
        onNew={() => uploading.open(null)}
      >
        <Table label={t('Lookup files')} columns={columns} rows={list.items} rowKey={(row) => row.id} />
      </KindList>
      {uploading.isOpen && <UploadDialog file={uploading.row} mostBytes={list.data?.pages[0]?.most_bytes ?? 0} onClose={uploading.close} />}
      <DeleteNamed asked={removing} remove={remove} listKey={listLookupFilesQueryKey({ path }).slice(0, 1)} />
    </>
  )
}

function UploadDialog({ file, mostBytes, onClose }: { file: LookupFile | null; mostBytes: number; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(file?.name ?? '')
  const [description, setDescription] = useState('')
  const [chosen, setChosen] = useState<File | null>(null)
  const tooLarge = chosen !== null && mostBytes > 0 && chosen.size > mostBytes
  const save = useMutation({
    mutationFn: async (content: File) => {
      if (file === null) await createLookupFile({ path, query: { name, description }, headers: BYTES, ...asBody(content), throwOnError: true })
      else await renewLookupFile({ path: { ...path, id: file.id }, headers: { ...BYTES, 'If-Match': file.etag }, ...asBody(content), throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listLookupFilesQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  const choose = (next: File) => {
    setChosen(next)
    if (name === '') setName(next.name.replace(/\.[^.]*$/, '').replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 64))
  }
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name === '' || chosen === null || tooLarge || save.isPending} onPress={() => chosen !== null && save.mutate(chosen)}>
        {save.isPending ? t('Uploading…') : t('Upload')}
      </Button>
    </>
  )
  return (
    <Dialog title={file === null ? t('Upload file') : t('New version of {name}', { name: file.name })} isOpen onClose={onClose} footer={footer}>
      <div className="flex flex-col gap-3">
        <span className="flex flex-wrap items-center gap-2">
          <FileButton label={t('Choose file…')} onFile={choose} />
          <span className="text-secondary">{chosen === null ? t('at most {size}', { size: formatBytes(mostBytes) }) : `${chosen.name}, ${formatBytes(chosen.size)}`}</span>
        </span>
        {tooLarge && <p className="text-sm text-bad">{t('This file is too large.')}</p>}
        {file === null && <TextField label={t('Name')} mono autoComplete="off" value={name} onChange={setName} />}
        {file === null && <TextField label={t('Description')} value={description} onChange={setDescription} maxLength={500} />}
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
