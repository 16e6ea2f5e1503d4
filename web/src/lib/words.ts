const ABBREVIATIONS = new Set(['acl', 'api', 'arn', 'aws', 'csv', 'dns', 'gcp', 'hec', 'http', 'https', 'id', 'ip', 'json', 'jwt', 'kms', 'oidc', 'sasl', 'sql', 'sse', 'ssl', 'tcp', 'tls', 'ttl', 'udp', 'uri', 'url', 'vrl', 'xml', 'yaml'])

/** Plain words as a heading: the first begins with a capital, and abbreviations stand in capitals. */
export function heading(words: string): string {
  const written = words
    .split(' ')
    .map((word) => (ABBREVIATIONS.has(word) ? word.toUpperCase() : word))
    .join(' ')
  return written.charAt(0).toUpperCase() + written.slice(1)
}
