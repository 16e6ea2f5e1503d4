import { lazy, Suspense } from 'react'
import { t } from '@/lib/i18n'
import { CodeBlock } from '@/ui/code'
import { FindingLine } from '@/ui/finding-line'
import { LazyDiff } from '@/ui/lazy-diff'
import { Section } from '@/ui/page'
import { LoadingState } from '@/ui/states'

// The text editor is large, and this page should be usable before it is there.
const CodeEditor = lazy(async () => ({ default: (await import('@/ui/code-editor')).CodeEditor }))

const YAML = `sources:
  access_log:
    type: file # where nginx writes
    include: ["/var/log/nginx/access.log"]
sinks:
  archive:
    type: aws_s3
    bucket: 42
`
const VRL = `# What the application logs as JSON becomes fields.
. = parse_json!(.message)
if .status >= 500 { .severity = "error" }
del(.password) ?? null
.at = parse_timestamp!(.at, "%+")
.user = redact(.user, filters: [r'\\d{3}-\\d{2}'])
`

/** Configuration, programs, findings and differences as they are shown everywhere. */
export function TextViews() {
  const marks = [{ line: 8, severity: 'error' as const, message: t('The bucket is a name, in text.') }]
  return (
    <Section title={t('Text and code')}>
      <Suspense fallback={<LoadingState rows={6} />}>
        <div className="grid gap-4 lg:grid-cols-2">
          <CodeEditor label={t('YAML')} language="yaml" readOnly value={YAML} marks={marks} />
          <CodeEditor label={t('VRL')} language="vrl" readOnly value={VRL} />
        </div>
      </Suspense>
      <div className="mt-4 flex flex-col gap-1">
        <FindingLine finding={{ rule: 'a', severity: 'error', message: t('An error keeps the pipeline from running.') }} />
        <FindingLine finding={{ rule: 'b', severity: 'warning', message: t('A warning runs, but hardly as it was meant.') }} />
        <FindingLine finding={{ rule: 'c', severity: 'note', message: t('A note is only worth knowing.') }} />
      </div>
      <div className="mt-4">
        <CodeBlock label={t('A command')} text="vectorflow lint pipeline.yaml" />
      </div>
      <div className="mt-4">
        <LazyDiff before={YAML} after={YAML.replace('42', 'archive')} beforeLabel={t('Revision 1')} afterLabel={t('Draft')} />
      </div>
    </Section>
  )
}
