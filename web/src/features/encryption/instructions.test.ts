import { describe, expect, it } from 'vitest'
import type { OwnKeyState } from '@/api/gen'
import { keyPolicy, proofCommand, trustPolicy, vaultPolicy } from './instructions'

const ORGANIZATION = '01a217aa-020b-7190-ba3b-4770252ad649'
const aws: OwnKeyState = {
  id: 'x',
  kind: 'aws-kms',
  place: 'arn:aws:kms:eu-central-1:111122223333:key/a',
  role_arn: 'arn:aws:iam::111122223333:role/vectorflow',
  external_id: 'e'.repeat(48),
  state: 'named',
  created_at: null,
  activated_at: null,
  problem: null,
  challenge: 'bm9uY2U=',
}
const vault: OwnKeyState = { ...aws, kind: 'vault-transit', place: 'https://vault.example.com/teams/transit/mine', role_arn: null }

describe('instructions', () => {
  it('bind the role to the external id and the key to the organisation', () => {
    expect(trustPolicy(aws)).toContain(`"sts:ExternalId": "${aws.external_id}"`)
    expect(keyPolicy(aws, ORGANIZATION)).toContain(`"kms:EncryptionContext:organization": "${ORGANIZATION}"`)
  })

  it('encrypt the challenge in the organisation’s context', () => {
    expect(proofCommand(aws, ORGANIZATION)).toContain(`organization=${ORGANIZATION},purpose=proof`)
    expect(proofCommand(vault, ORGANIZATION)).toContain(`teams/transit/encrypt/mine`)
    expect(proofCommand(vault, ORGANIZATION)).toContain(`context=${btoa(ORGANIZATION)}`)
  })

  it('make a derived key in Vault', () => {
    expect(vaultPolicy(vault)).toContain('vault write -f teams/transit/keys/mine type=aes256-gcm96 derived=true')
  })
})
