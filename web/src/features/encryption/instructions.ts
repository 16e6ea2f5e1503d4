import type { OwnKeyState } from '@/api/gen'

const json = (value: unknown): string => JSON.stringify(value, null, 2)

/** Who may take on the role, and with what external id. */
export function trustPolicy(key: OwnKeyState): string {
  return json({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::<account of this installation>:root' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': key.external_id } },
      },
    ],
  })
}

/** What the role may do: use one key, for one organisation. */
export function keyPolicy(key: OwnKeyState, organizationId: string): string {
  return json({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['kms:Encrypt', 'kms:Decrypt'],
        Resource: key.place,
        Condition: { StringEquals: { 'kms:EncryptionContext:organization': organizationId } },
      },
    ],
  })
}

/** The parts of `https://<host>/<mount>/<key>`. */
export function vaultParts(place: string): { address: string; mount: string; name: string } {
  const url = new URL(place)
  const parts = url.pathname.split('/').filter((part) => part !== '')
  return { address: url.origin, mount: parts.slice(0, -1).join('/'), name: parts.at(-1) ?? '' }
}

/** The commands that make a key and a policy in Vault. */
export function vaultPolicy(key: OwnKeyState): string {
  const { address, mount, name } = vaultParts(key.place)
  return [
    `export VAULT_ADDR=${address}`,
    `vault write -f ${mount}/keys/${name} type=aes256-gcm96 derived=true`,
    'vault policy write vectorflow - <<END',
    `path "${mount}/keys/${name}"    { capabilities = ["read"] }`,
    `path "${mount}/encrypt/${name}" { capabilities = ["update"] }`,
    `path "${mount}/decrypt/${name}" { capabilities = ["update"] }`,
    'END',
    'vault token create -policy=vectorflow -no-default-policy -orphan -period=768h',
  ].join('\n')
}

/** The command that encrypts the challenge as this organisation. */
export function proofCommand(key: OwnKeyState, organizationId: string): string {
  if (key.kind === 'aws-kms') {
    return [
      `aws kms encrypt --key-id ${key.place} \\`,
      `  --plaintext ${key.challenge} \\`,
      `  --encryption-context organization=${organizationId},purpose=proof \\`,
      '  --query CiphertextBlob --output text',
    ].join('\n')
  }
  const { mount, name } = vaultParts(key.place)
  return [
    `vault write -field=ciphertext ${mount}/encrypt/${name} \\`,
    `  plaintext=${key.challenge} \\`,
    `  context=${btoa(organizationId)}`,
  ].join('\n')
}
