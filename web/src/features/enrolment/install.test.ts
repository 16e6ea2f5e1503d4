import { expect, it } from 'vitest'
import type { EnrolmentTokenCreated } from '@/api/gen'
import { systemdScript } from './install'

it('puts the token into a file of its own and nowhere else', () => {
  const created = { agent_url: 'https://acme.agents.example.com', token: 'vfe_acme_x', root_fingerprint: 'sha256:ab' }
  const script = systemdScript(created as EnrolmentTokenCreated)
  expect(script.split('vfe_acme_x')).toHaveLength(2)
  expect(script).toContain('umask 077')
  expect(script).toContain('VECTORFLOW_ROOT_FINGERPRINT=sha256:ab')
})
