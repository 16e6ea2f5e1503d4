import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Certificate } from '@/api/gen'
import { createCertificate, deleteCertificate, getCertificate, listCertificates, renewCertificate } from '@/api/gen'
import { listCertificatesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useRowDialog, useRowQuestion } from '@/app/dialogs'
import { useCan, useScope } from '@/app/scope'
import { formatTime } from '@/lib/format'
import { t } from '@/lib/i18n'
import { pageAt, usePages } from '@/lib/use-pages'
import { Button } from '@/ui/button'
import { Dialog } from '@/ui/dialog'
import { TextField } from '@/ui/field'
import { Facts } from '@/ui/page'
import { InlineError } from '@/ui/states'
import type { Column } from '@/ui/table'
import { Table } from '@/ui/table'
import { DeleteNamed, FileButton, KindList, Name, TimeState, UsedBy } from './parts'

export function CertificatesTab() {
  const { org, env } = useScope()
  const path = { org, env }
  const can = useCan()
  const list = usePages<Certificate>({
    queryKey: [...listCertificatesQueryKey({ path }), 'pages'],
    fetchPage: async (cursor, signal) => (await listCertificates({ path, query: pageAt(cursor), signal, throwOnError: true })).data,
  })
  const mayWrite = can('certificate.write')
  const rows = list.isSuccess ? list.items : undefined
  const one = async (id: string) => (await getCertificate({ path: { ...path, id }, throwOnError: true })).data
  const uploading = useRowDialog('certificate-upload', rows, { one, may: mayWrite })
  const shown = useRowDialog('certificate', rows, { one })
  const removing = useRowQuestion('delete', rows, { one })
  const remove = (row: Certificate) => deleteCertificate({ path: { ...path, id: row.id }, headers: { 'If-Match': row.etag }, throwOnError: true })
  const columns: Column<Certificate>[] = [
    { key: 'name', title: t('Name'), render: (row) => <Name note={row.certificates[0]?.subject ?? ''}>{row.name}</Name> },
    { key: 'state', title: t('State'), render: (row) => <TimeState state={row.state} /> },
    { key: 'end', title: t('Ends'), wideOnly: true, render: (row) => <span className="text-secondary">{formatTime(row.not_after)}</span> },
    { key: 'key', title: t('Key'), wideOnly: true, render: (row) => (row.has_key ? t('with private key') : t('public only')) },
    { key: 'used', title: t('Used by'), wideOnly: true, render: (row) => <UsedBy uses={row.used_by} /> },
    {
      key: 'action',
      title: '',
      ownLine: true,
      align: 'right',
      render: (row) => (
        <span className="inline-flex gap-2 py-1 max-sm:flex-wrap max-sm:justify-end">
          <Button onPress={() => shown.open(row)}>{t('Details…')}</Button>
          {mayWrite && <Button onPress={() => uploading.open(row)}>{t('Renew…')}</Button>}
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
        emptyTitle={t('No certificates yet')}
        about={t('Chains and authorities that pipelines name as CERT[name], and private keys as KEY[name]. Keys are sealed and go to nodes like secrets. A renewed one takes effect with the next revision.')}
        newLabel={mayWrite ? t('Upload certificate') : null}
        onNew={() => uploading.open(null)}
      >
        <Table label={t('Certificates')} columns={columns} rows={list.items} rowKey={(row) => row.id} />
      </KindList>
      {uploading.isOpen && <UploadDialog certificate={uploading.row} onClose={uploading.close} />}
      {shown.row !== null && <DetailsDialog certificate={shown.row} onClose={shown.close} />}
      <DeleteNamed asked={removing} remove={remove} listKey={listCertificatesQueryKey({ path }).slice(0, 1)} />
    </>
  )
}

function chainWords(chain: Certificate['chain']): string {
  switch (chain) {
    case 'complete':
      return t('complete, up to a self-signed authority')
    case 'open':
      return t('its last issuer is not in it')
    case 'self-signed':
      return t('one self-signed certificate')
    case 'bundle':
      return t('several authorities')
    default:
      return t('leads to the given authorities')
  }
}

function DetailsDialog({ certificate, onClose }: { certificate: Certificate; onClose: () => void }) {
  return (
    <Dialog title={certificate.name} isOpen onClose={onClose} width="wide" footer={<Button onPress={onClose}>{t('Close')}</Button>}>
      <div className="flex flex-col gap-4">
        <Facts
          items={[
            [t('Version'), certificate.version],
            [t('Chain'), chainWords(certificate.chain)],
            [t('Uploaded by'), certificate.uploaded_by],
          ]}
        />
        {certificate.certificates.map((each) => (
          <Facts
            key={each.fingerprint}
            items={[
              [t('Subject'), each.subject],
              [t('Issuer'), each.issuer],
              [t('Names'), each.names.length === 0 ? '–' : each.names.join(', ')],
              [t('Valid'), `${formatTime(each.not_before)} – ${formatTime(each.not_after)}`],
              [t('Key'), each.key],
              [t('SHA-256'), <span key="hash" className="font-mono text-sm">{each.fingerprint}</span>],
            ]}
          />
        ))}
      </div>
    </Dialog>
  )
}

function UploadDialog({ certificate, onClose }: { certificate: Certificate | null; onClose: () => void }) {
  const { org, env } = useScope()
  const path = { org, env }
  const queryClient = useQueryClient()
  const [name, setName] = useState(certificate?.name ?? '')
  const [chain, setChain] = useState('')
  const [key, setKey] = useState('')
  const [passphrase, setPassphrase] = useState('')
  const [authorities, setAuthorities] = useState('')
  const save = useMutation({
    mutationFn: async () => {
      const body = { chain, private_key: key || null, passphrase: passphrase || null, authorities: authorities || null }
      if (certificate === null) await createCertificate({ path, body: { ...body, name }, throwOnError: true })
      else await renewCertificate({ path: { ...path, id: certificate.id }, headers: { 'If-Match': certificate.etag }, body, throwOnError: true })
    },
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: listCertificatesQueryKey({ path }).slice(0, 1) })
      onClose()
    },
  })
  const footer = (
    <>
      <Button onPress={onClose}>{t('Cancel')}</Button>
      <Button variant="primary" isDisabled={name === '' || chain === '' || save.isPending} onPress={() => save.mutate()}>
        {t('Upload')}
      </Button>
    </>
  )
  const pem = '.pem,.crt,.cer,.key'
  return (
    <Dialog title={certificate === null ? t('Upload certificate') : t('Renew {name}', { name: certificate.name })} isOpen onClose={onClose} width="wide" footer={footer}>
      <div className="flex flex-col gap-3">
        {certificate === null && <TextField label={t('Name')} mono autoFocus autoComplete="off" value={name} onChange={setName} />}
        <TextField label={t('Certificates (PEM)')} mono rows={5} value={chain} onChange={setChain} hint={t('The certificate first, then its issuer, and so on.')} />
        <span className="flex gap-2">
          <FileButton label={t('Choose certificates…')} accept={pem} onFile={(file) => void file.text().then(setChain)} />
        </span>
        <TextField label={t('Private key (PEM)')} mono rows={3} value={key} onChange={setKey} hint={t('Leave it out for authorities. It is sealed on arrival and never shown again.')} />
        <span className="flex gap-2">
          <FileButton label={t('Choose private key…')} accept={pem} onFile={(file) => void file.text().then(setKey)} />
        </span>
        <TextField label={t('Passphrase of the key')} type="password" autoComplete="off" value={passphrase} onChange={setPassphrase} hint={t('Opens the key once and is not kept.')} />
        <TextField label={t('Authorities to check against (PEM)')} mono rows={2} value={authorities} onChange={setAuthorities} />
        {save.error !== null && <InlineError error={save.error} />}
      </div>
    </Dialog>
  )
}
