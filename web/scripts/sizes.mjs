// Prints how much JavaScript (Brotli) each page needs until usable, and fails over the budget.
import { readFileSync, statSync } from 'node:fs'

const out = new URL('../../packages/server/src/vectorflow/web/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', out), 'utf8'))
const KB = 1000
const FIRST = 250 * KB
const EDITOR = 400 * KB
// Loaded when a chart is to be drawn; it counts apart.
const CHARTS = 220 * KB

/** All files that a chunk needs before it runs. */
function files(key, seen = new Set()) {
  const chunk = manifest[key]
  if (chunk === undefined) throw new Error(`No chunk for ${key}: was the page moved?`)
  if (seen.has(chunk.file)) return seen
  seen.add(chunk.file)
  for (const each of chunk.imports ?? []) files(each, seen)
  return seen
}

const sizes = new Map()
function size(file) {
  if (!sizes.has(file)) sizes.set(file, statSync(new URL(`${file}.br`, out)).size)
  return sizes.get(file)
}

const total = (set) => [...set].reduce((sum, file) => sum + size(file), 0)
const shared = files('index.html')
const list = files('src/features/pipelines/list-page.tsx', new Set(shared))
let failed = false
const pages = Object.keys(manifest).filter((key) => /^src\/features\/.*-page\.tsx$/.test(key))
for (const page of pages.sort()) {
  const own = files(page, new Set(shared))
  const isEditor = page.includes('/editor/')
  // These are fetched beside it, and it is not usable without them.
  if (isEditor) for (const beside of ['text/text-pane', 'inspector/inspector']) files(`src/features/editor/${beside}.tsx`, own)
  // The editor counts what it needs beyond the list.
  const bytes = isEditor ? total(new Set([...own].filter((file) => !list.has(file)))) : total(own)
  const budget = isEditor ? EDITOR : FIRST
  const over = bytes > budget
  failed ||= over
  const figure = `${(bytes / KB).toFixed(0).padStart(4)} kB of ${budget / KB}`
  console.log(`${figure} ${page}${isEditor ? ' (beyond the list)' : ''}${over ? '  TOO LARGE' : ''}`)
}
const charts = total(new Set([...files('src/features/charts/line-chart.tsx')].filter((file) => !shared.has(file))))
failed ||= charts > CHARTS
console.log(`${(charts / KB).toFixed(0).padStart(4)} kB of ${CHARTS / KB} charts (beyond the shared part)${charts > CHARTS ? '  TOO LARGE' : ''}`)
process.exit(failed ? 1 : 0)
