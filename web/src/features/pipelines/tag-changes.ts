/** The tags in a text with commas, each once. */
export function tagList(text: string): string[] {
  return [...new Set(text.split(',').map((each) => each.trim()).filter((each) => each !== ''))]
}

/** What has to be added and removed to come from some tags to others. */
export function tagChanges(before: string[], after: string[]): { add: string[]; remove: string[] } {
  return { add: after.filter((each) => !before.includes(each)), remove: before.filter((each) => !after.includes(each)) }
}

/** A pipeline as a filing leaves it. */
export function filed<Row extends { folder: string; tags: string[] }>(row: Row, filing: { folder?: string | null; add_tags?: string[]; remove_tags?: string[] }): Row {
  const kept = row.tags.filter((each) => filing.remove_tags?.includes(each) !== true)
  return { ...row, folder: filing.folder?.trim() ?? row.folder, tags: [...new Set([...kept, ...(filing.add_tags ?? [])])].sort() }
}
