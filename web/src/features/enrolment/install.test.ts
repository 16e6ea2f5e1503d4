import { expect, it } from 'vitest'
import type { EnrolmentTokenCreated } from '@/api/gen'
import { INSTALL_COMMANDS } from './install'

const created = {
  agent_url: 'https://acme.agents.example.com',
  token: 'vfe_acme_x',
  root_fingerprint: 'sha256:ab',
  install_command: "printf '%s' 'vfe_acme_x' | sudo vectorflow-agent install --server https://acme.agents.example.com --root-fingerprint sha256:ab",
} as EnrolmentTokenCreated

it.each(['systemd', 'container', 'kubernetes', 'foreground'] as const)('%s carries the address, the key to believe and the token once', (way) => {
  const text = INSTALL_COMMANDS[way](created)
  expect(text.split('vfe_acme_x')).toHaveLength(2)
  expect(text).toContain('https://acme.agents.example.com')
  expect(text).toContain('sha256:ab')
})

it('gives the token to programs by a pipe or a file, never as an argument', () => {
  for (const way of ['container', 'kubernetes'] as const) {
    const lines = INSTALL_COMMANDS[way](created).split('\n').filter((line) => line.includes('vfe_acme_x'))
    for (const line of lines) expect(line).toMatch(/^printf /)
  }
})
