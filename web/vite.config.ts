import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** Sonner adds its style sheet by script, which the content security policy refuses; we import the file instead. */
function sonnerWithoutInjectedStyle(): Plugin {
  const injector = 'function __insertCSS(code) {'
  return {
    name: 'sonner-without-injected-style',
    apply: 'build',
    transform(code, id) {
      if (!/node_modules\/sonner\/dist\/index\.mjs/.test(id)) return null
      if (!code.includes(injector)) this.error('sonner changed how it adds its style sheet')
      return { code: code.replace(injector, `${injector} return;`), map: null }
    },
  }
}

/** Writes the Brotli form beside each script and style sheet; the server sends it to browsers that take it. */
function brotliForms(): Plugin {
  return {
    name: 'brotli-forms',
    apply: 'build',
    writeBundle({ dir = '' }) {
      for (const each of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (/\.(js|css|svg)$/.test(each)) writeFileSync(`${dir}/${each}.br`, brotliCompressSync(readFileSync(`${dir}/${each}`)))
      }
    },
  }
}

export default defineConfig({
  plugins: [react(), tailwindcss(), sonnerWithoutInjectedStyle(), brotliForms()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // The server replaces the placeholder with the nonce of each answer.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    outDir: '../packages/server/src/vectorflow/web',
    emptyOutDir: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    manifest: true,
    chunkSizeWarningLimit: 1200,
  },
  server: {
    proxy: { '/api': { target: process.env.VECTORFLOW_API ?? 'http://127.0.0.1:8484' } },
  },
  test: {
    restoreMocks: true,
    testTimeout: 30_000,
    // A document takes longer to make than most tests: only what draws has one, and what asks for it in its first line.
    projects: [
      { extends: true, test: { name: 'logic', environment: 'node', include: ['src/**/*.test.ts'] } },
      { extends: true, test: { name: 'pages', environment: 'jsdom', include: ['src/**/*.test.tsx'] } },
    ],
  },
})
