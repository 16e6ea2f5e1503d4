import type { Pair, YAMLMap } from 'yaml'
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { Finding } from '@/api/gen'
import type { Document, Kind } from '../graph/types'

export const SECTIONS: Record<Kind, string> = { source: 'sources', transform: 'transforms', sink: 'sinks' }

type Step = string | number

function pairOf(map: YAMLMap, key: Step): Pair | undefined {
  return map.items.find((each) => isScalar(each.key) && String(each.key.value) === String(key))
}

/** Where things stand in a YAML text; a text with errors still says where what came before them is. */
export class Places {
  private readonly lines = new LineCounter()
  private readonly root: unknown

  constructor(text: string) {
    this.root = parseDocument(text, { lineCounter: this.lines, strict: false, logLevel: 'silent' }).contents
  }

  /** The line (from 1) of the deepest part of a path that the text has, or null when it has nothing of it. */
  lineOf(path: readonly Step[]): number | null {
    let node = this.root
    let offset: number | undefined
    for (const step of path) {
      if (isMap(node)) {
        const pair = pairOf(node, step)
        if (pair === undefined) break
        offset = (pair.key as { range?: [number, number, number] }).range?.[0] ?? offset
        node = pair.value
      } else if (isSeq(node)) {
        const item = node.items[Number(step)]
        if (item === undefined) break
        node = item
        offset = (item as { range?: [number, number, number] }).range?.[0] ?? offset
      } else break
    }
    return offset === undefined ? null : this.lines.linePos(offset).line
  }

  /** The line on which the text of a block (`|`) begins, or that of the value itself. */
  firstLineOfValue(path: readonly Step[]): number | null {
    let node = this.root
    for (const step of path) {
      if (isMap(node)) node = pairOf(node, step)?.value
      else if (isSeq(node)) node = node.items[Number(step)]
      else return null
    }
    if (!isScalar(node) || node.range == null) return null
    const { line } = this.lines.linePos(node.range[0])
    return node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED' ? line + 1 : line
  }

  /** The id of the component that stands on a line (from 1), or null. */
  componentAt(line: number): string | null {
    if (!isMap(this.root)) return null
    for (const section of Object.values(SECTIONS)) {
      const body = pairOf(this.root, section)?.value
      if (!isMap(body)) continue
      for (const { key, value } of body.items) {
        const from = (key as { range?: [number, number, number] }).range?.[0]
        const to = (value as { range?: [number, number, number] } | null)?.range?.[1] ?? from
        if (from === undefined || to === undefined || !isScalar(key)) continue
        if (line >= this.lines.linePos(from).line && line <= this.lines.linePos(Math.max(from, to - 1)).line) return String(key.value)
      }
    }
    return null
  }
}

/** The path of a finding from the root of the configuration. */
export function pathOfFinding(document: Document, finding: Finding): Step[] | null {
  const path = finding.path ?? []
  if (finding.component == null) return path[0] === 'globals' ? path.slice(1) : path.length > 0 ? path : null
  const component = document.components.find((each) => each.id === finding.component)
  return component === undefined ? null : [SECTIONS[component.kind], component.id, ...path]
}

/** The line of a finding of the check in the edited text; within a program the compiler's own line. */
export function lineOfFinding(finding: Finding, document: Document, edited: Places, compiled: Places | null): number | null {
  const path = pathOfFinding(document, finding)
  if (path === null) return null
  const begin = finding.line == null ? null : compiled?.firstLineOfValue(path)
  const here = edited.firstLineOfValue(path)
  if (finding.rule.startsWith('vrl.') && finding.line != null && begin != null && here !== null) {
    return here + Math.max(0, finding.line - begin)
  }
  return edited.lineOf(path)
}
