// What steers terminals, turns text around or breaks lines; JSON.stringify itself escapes only what is below U+0020.
const UNSAFE = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

function escaped(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** A value as one line of JSON in which nothing steers a terminal; an object's line begins with `{`, which is no formula. */
export function safeLine(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, escaped)
}

/** A text as it is shown: letters that cannot be seen are named instead of obeyed. */
export function visible(text: string): string {
  return text.replace(CONTROL, (letter) => (letter === '\n' ? '\u21b5' : letter === '\t' ? ' ' : escaped(letter)))
}

/** Hands values to the browser as a file of JSON lines. */
export function downloadLines(name: string, values: readonly unknown[]): void {
  const blob = new Blob(values.map((value) => `${safeLine(value)}\n`), { type: 'application/x-ndjson' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = `${name.replace(/[^\w.-]+/g, '-').slice(0, 80) || 'events'}.ndjson`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
