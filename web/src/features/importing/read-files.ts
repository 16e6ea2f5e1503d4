import { t } from '@/lib/i18n'

/** What the server takes at once, in bytes. */
export const MOST_BYTES = 5_000_000
export const MOST_FILES = 500

const CONFIGURATION = /\.(ya?ml|toml|json)$/i

/** Files by name. `interpolates` tells that `${NAME}` in them stands for the environment. */
export type Given = { files: Record<string, string>; isDirectory: boolean; interpolates?: boolean }
type FileLike = { name: string; size: number; webkitRelativePath?: string; arrayBuffer: () => Promise<ArrayBuffer> }

/** The name of a file below the folder that was chosen. */
export function nameOf(file: { name: string; webkitRelativePath?: string }): string {
  const path = file.webkitRelativePath ?? ''
  return path === '' ? file.name : path.split('/').slice(1).join('/')
}

/** Reads files as text. Throws an error in words for people when they are too many, too large or no text. */
export async function readFiles(list: readonly FileLike[], isDirectory: boolean): Promise<Given> {
  const files = list.filter((each) => CONFIGURATION.test(each.name))
  if (files.length === 0) throw new Error(t('There is no .yaml, .toml or .json file among them.'))
  if (files.length > MOST_FILES) throw new Error(t('These are {n} files; at most {most} can be imported at once.', { n: files.length, most: MOST_FILES }))
  const size = files.reduce((sum, each) => sum + each.size, 0)
  if (size > MOST_BYTES) throw new Error(t('These are {size} MB; at most 5 MB can be imported at once.', { size: (size / 1_000_000).toFixed(1) }))
  const read = await Promise.all(
    files.map(async (file) => {
      try {
        return [nameOf(file), new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer())] as const
      } catch {
        throw new Error(t('{name} is not text in UTF-8.', { name: file.name }))
      }
    }),
  )
  return { files: Object.fromEntries(read), isDirectory }
}

/** What keeps a pasted text from being sent, or null. */
export function refusalOf(text: string): string | null {
  const size = new Blob([text]).size
  return size > MOST_BYTES ? t('The text has {size} MB; at most 5 MB can be imported at once.', { size: (size / 1_000_000).toFixed(1) }) : null
}
