import { KeyRound, TriangleAlert } from 'lucide-react'
import { useState } from 'react'
import { useCan, useScope } from '@/app/scope'
import { SecretDialog } from '@/features/secrets/secret-dialog'
import { useSecretNames } from '@/features/secrets/use-secret-names'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import { Select } from '@/ui/select'
import type { ControlProps } from './option-field'
import { foreignSecret, secretName, secretReference } from './values'

/** A credential: a secret of this environment by name. A value written in plain text is never shown. */
export function SecretControl({ label, value, onChange, readOnly }: ControlProps) {
  const { org, env } = useScope()
  const can = useCan()
  const [creating, setCreating] = useState(false)
  const names = useSecretNames({ org, env }, can('secret.read'))
  const current = secretName(value)
  const foreign = current === null ? foreignSecret(value) : null
  const isPlain = typeof value === 'string' && value !== '' && current === null && foreign === null
  const choices = [...new Set([...(current === null ? [] : [current]), ...names])]
  return (
    <div className="flex flex-col gap-1.5">
      {isPlain && (
        <p className="flex gap-1.5 text-sm text-warn">
          <TriangleAlert aria-hidden size={13} className="mt-0.5 shrink-0" />
          {t('A value stands here in plain text. Move it into a secret: choose or create one.')}
        </p>
      )}
      <div className="flex gap-1.5">
        <Select
          label={label}
          hideLabel
          mono
          className="min-w-0 flex-1"
          isDisabled={readOnly}
          value={current}
          placeholder={isPlain ? '••••••••' : (foreign ?? t('Choose a secret…'))}
          choices={choices.map((name) => ({ id: name, label: name }))}
          onChange={(name) => onChange(secretReference(name))}
        />
        {can('secret.write') && !readOnly && (
          <Button onPress={() => setCreating(true)}>
            <KeyRound aria-hidden size={14} />
            {t('New')}
          </Button>
        )}
      </div>
      <SecretDialog
        isOpen={creating}
        secret={null}
        onClose={() => setCreating(false)}
        onDone={(name) => onChange(secretReference(name))}
      />
    </div>
  )
}
