// An in-memory stand-in for the server, for looking at the pages. Serves the built application with the real
// content security policy, so that what the policy refuses is seen here first. Never part of the product.
//   PORT=8485 VECTORFLOW_CATALOGUE=catalogue.json node dev/mock/server.mjs
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { routes } from './routes.mjs'

const dist = new URL('../../../packages/server/src/vectorflow/web/', import.meta.url)
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.html': 'text/html' }

function policy(nonce) {
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    `style-src-elem 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function page(response) {
  const nonce = randomBytes(12).toString('base64url')
  const html = readFileSync(new URL('index.html', dist), 'utf8').replaceAll('__CSP_NONCE__', nonce)
  response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy(nonce) })
  response.end(html)
}

function file(path, response) {
  const target = new URL(`.${path}`, dist)
  if (path === '/' || !target.href.startsWith(dist.href) || !existsSync(target) || extname(path) === '') return page(response)
  response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
  response.end(readFileSync(target))
}

async function body(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? {} : JSON.parse(text)
}

function send(response, status, value, headers = {}) {
  const type = status >= 400 ? 'application/problem+json' : 'application/json'
  response.writeHead(status, { 'content-type': type, ...headers })
  response.end(value === undefined ? undefined : JSON.stringify(value))
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://mock')
  if (!url.pathname.startsWith('/api/')) return file(url.pathname, response)
  for (const [method, pattern, handler] of routes) {
    const match = pattern.exec(url)
    if (method !== request.method || match === null) continue
    const answer = await handler({
      path: match.pathname.groups,
      query: url.searchParams,
      body: request.method === 'GET' ? {} : await body(request),
      headers: request.headers,
      request,
      response,
    })
    if (answer !== undefined) send(response, ...answer)
    return
  }
  send(response, 404, { type: 'urn:vectorflow:problem:platform.not-found', title: 'Not found', status: 404, detail: 'There is nothing at this address.', id: 'mock' })
})
server.listen(Number(process.env.PORT ?? 8485), '127.0.0.1', () => console.log(`mock on ${server.address().port}`))
