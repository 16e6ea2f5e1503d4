import type { Document } from '../graph/types'
import { edgeKey } from '../graph/types'
import type { BundleLink } from './bundle-edge'
import { bundled, foldedInto } from './frames'
import type { FlowLink } from './nodes'

export type CanvasLink = FlowLink | BundleLink

/** The edges that are drawn: with folded groups, bundles stand for those that begin or end inside of one. */
export function withBundles(links: FlowLink[], document: Document): CanvasLink[] {
  const folded = foldedInto(document.groups)
  if (folded.size === 0) return links
  const { plain, bundles } = bundled(document.edges, folded)
  const open = new Set(plain.map(edgeKey))
  return [
    ...links.filter((each) => open.has(each.id)),
    ...bundles.map(
      ({ id, source, sourceHandle, target, edges }): BundleLink => ({
        id,
        type: 'bundle',
        source,
        sourceHandle,
        target,
        targetHandle: 'in',
        selectable: false,
        focusable: false,
        data: { edges },
      }),
    ),
  ]
}
