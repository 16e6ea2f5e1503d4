/** The tags in a text with commas, each once. */
export function tagList(text: string): string[] {
  return [...new Set(text.split(',').map((each) => each.trim()).filter((each) => each !== ''))]
}

/** What has to be added and removed to come from some tags to others. */
export function tagChanges(before: string[], after: string[]): { add: string[]; remove: string[] } {
  return { add: after.filter((each) => !before.includes(each)), remove: before.filter((each) => !after.includes(each)) }
}
