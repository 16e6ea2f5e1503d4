import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { listCertificates, listLookupFiles, listVariables } from '@/api/gen'
import { listCertificatesQueryKey, listLookupFilesQueryKey, listVariablesQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useCan, useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { everyItem, pageAt } from '@/lib/use-pages'
import { Select } from '@/ui/select'
import type { ControlProps } from './option-field'
import { TextControl } from './controls'

/** Which kind of thing of the vault an option that names a file can hold. */
export function heldKind(path: readonly (string | number)[]): 'CERT' | 'KEY' | 'FILE' | null {
  const last = path.findLast((step) => typeof step === 'string')
  if (last === undefined) return null
  if (/^(crt_file|ca_file|certificate_file|cert_file)$/.test(last)) return 'CERT'
  if (last === 'key_file') return 'KEY'
  return last === 'path' && path[0] === 'enrichment_tables' ? 'FILE' : null
}

/** A path on the node, or a certificate, a private key or a lookup file of this environment by name. */
export function HeldControl(props: ControlProps) {
  const { value, onChange, path: option, readOnly, label } = props
  const { org, env } = useScope()
  const can = useCan()
  const kind = heldKind(option)
  const path = { org, env }
  const certificates = useQuery({
    queryKey: [...listCertificatesQueryKey({ path }), 'all'],
    enabled: (kind === 'CERT' || kind === 'KEY') && can('certificate.read'),
    queryFn: ({ signal }) => everyItem(async (cursor) => (await listCertificates({ path, query: pageAt(cursor), signal, throwOnError: true })).data),
  }).data
  const files = useQuery({
    queryKey: [...listLookupFilesQueryKey({ path }), 'all'],
    enabled: kind === 'FILE' && can('lookup-file.read'),
    queryFn: ({ signal }) => everyItem(async (cursor) => (await listLookupFiles({ path, query: pageAt(cursor), signal, throwOnError: true })).data),
  }).data
  const held = kind === 'KEY' ? certificates?.filter((each) => each.has_key) : certificates
  const names = ((kind === 'FILE' ? files : held) ?? []).map((each) => each.name)
  const current = typeof value === 'string' && kind !== null && value.startsWith(`${kind}[`) ? value : null
  const choices = [...new Set([...(current === null ? [] : [current]), ...names.map((name) => `${kind ?? ''}[${name}]`)])]
  return (
    <div className="flex flex-col gap-1.5">
      <TextControl {...props} />
      {choices.length > 0 && !readOnly && (
        <Select
          label={t('{label} from the vault', { label })}
          hideLabel
          mono
          value={current}
          placeholder={t('Or choose from the vault…')}
          choices={choices.map((id) => ({ id, label: id }))}
          onChange={onChange}
        />
      )}
    </div>
  )
}

/** Puts a variable of this environment in the place of a value. */
export function VariablePicker({ label, onChange }: { label: string; onChange: (value: string) => void }) {
  const { org, env } = useScope()
  const can = useCan()
  const path = { org, env }
  const items = useQuery({
    queryKey: [...listVariablesQueryKey({ path }), 'all'],
    enabled: can('variable.read'),
    queryFn: ({ signal }) => everyItem(async (cursor) => (await listVariables({ path, query: pageAt(cursor), signal, throwOnError: true })).data),
  }).data
  if (!can('variable.read')) return <p className="text-sm text-secondary">{t('You may not read variables here.')}</p>
  if (items === undefined) return null
  if (items.length === 0) {
    return (
      <p className="text-sm text-secondary">
        {t('There is no variable in this environment yet.')}{' '}
        <Link to="/$org/$env/secrets" params={{ org, env }} search={{ tab: 'variables' }} className="underline">
          {t('Add one in the vault')}
        </Link>
      </p>
    )
  }
  return (
    <Select
      label={t('{label}: a variable', { label })}
      hideLabel
      mono
      value={null}
      placeholder={t('Use a variable…')}
      choices={items.map((each) => ({ id: `VAR[${each.name}]`, label: each.name, hint: each.sensitive ? t('sensitive') : String(each.value) }))}
      onChange={onChange}
    />
  )
}
