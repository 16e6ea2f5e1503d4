import '@xyflow/react/dist/style.css'
import './canvas.css'
import type { Connection, EdgeChange, FinalConnectionState, NodeChange, OnNodeDrag } from '@xyflow/react'
import { applyNodeChanges, Background, BackgroundVariant, Controls, ReactFlow, useReactFlow } from '@xyflow/react'
import type { DragEvent } from 'react'
import { useMemo, useState } from 'react'
import { useTheme } from '@/app/theme'
import { t } from '@/lib/i18n'
import { notify } from '@/ui/toast'
import { rememberType } from '../chosen-types'
import { useEditor, useEditorState } from '../context'
import { connectionRefusal } from '../graph/connect'
import { addOnEdge, fitsOnEdge } from '../graph/insert'
import { addComponent, connect, moveComponents } from '../graph/operations'
import type { Kind } from '../graph/types'
import { edgeKey } from '../graph/types'
import { useCanvasActions } from './actions'
import { BundleEdge } from './bundle-edge'
import { ComponentCard } from './component-card'
import { FlowEdge } from './flow-edge'
import { FrameCard } from './frame-card'
import type { CanvasNode } from './frames'
import { draggedPlaces, frameName, memberChanges, withFrames } from './frames'
import type { CanvasLink } from './bundles'
import { withBundles } from './bundles'
import { LiveLayer } from './live-layer'
import type { CardNode, FlowLink } from './nodes'
import { useLinks, useNodes } from './nodes'
import { useOpeningView } from './opening'
import { Overview } from './overview'
import { PaintedContext } from './painted'
import { SelectionBar } from './selection-bar'
import { useCanvasKeys } from './use-canvas-keys'
import { useEdits } from './use-edits'
import { useInSight } from './use-in-sight'
import { FIT, useViewportAddress } from './viewport'

const NODE_TYPES = { component: ComponentCard, frame: FrameCard }
const EDGE_TYPES = { flow: FlowEdge, bundle: BundleEdge }
export const DRAG_TYPE = 'application/x-vectorflow-component'
const NONE: ReadonlySet<string> = new Set()
/** From so many components on, only those in view are drawn, and edges and live figures are painted. */
const LARGE = 60

function toEdge(connection: { source: string | null; sourceHandle?: string | null; target: string | null }) {
  return { source: connection.source ?? '', port: connection.sourceHandle ?? '_default', target: connection.target ?? '' }
}

function edgeAt(event: DragEvent): string | null {
  const hit = document.elementsFromPoint(event.clientX, event.clientY).map((each) => each.closest<SVGElement>('.react-flow__edge'))
  return hit.find((each) => each !== null)?.dataset.id ?? null
}

function pointOf(event: MouseEvent | TouchEvent): { x: number; y: number } {
  const at = 'changedTouches' in event ? event.changedTouches[0] : event
  return { x: at?.clientX ?? 0, y: at?.clientY ?? 0 }
}

/** Drawing connections: what may be, why not, and what comes of one that ends on nothing. */
function useConnecting() {
  const { store, specs } = useEditor()
  const flow = useReactFlow<CardNode, FlowLink>()
  const { addAfter, addBefore } = useCanvasActions()
  const refusal = (edge: ReturnType<typeof toEdge>) => connectionRefusal(store.getState().draft.document, specs, edge)
  const onConnect = (connection: Connection) =>
    store.getState().change(t('Connect'), (draft) => ({ ...draft, document: connect(draft.document, toEdge(connection)) }))
  const onConnectEnd = (event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    const from = state.fromHandle
    if (state.isValid === true || from === null) return
    const forward = from.type === 'source'
    if (state.toHandle === null) {
      const at = flow.screenToFlowPosition(pointOf(event))
      if (forward) addAfter(from.nodeId, from.id ?? '_default', { x: at.x, y: at.y - 24 })
      else addBefore(from.nodeId, { x: at.x - 208, y: at.y - 24 })
      return
    }
    const [start, end] = forward ? [from, state.toHandle] : [state.toHandle, from]
    const why = start.type === end.type ? null : refusal({ source: start.nodeId, port: start.id ?? '_default', target: end.nodeId })
    notify(why ?? t('Connections go from an output to an input.'))
  }
  const isValidConnection = (connection: Connection | CanvasLink) => refusal(toEdge({ ...connection, sourceHandle: connection.sourceHandle ?? null })) === null
  return { onConnect, onConnectEnd, isValidConnection }
}

/** Takes a type from the palette: onto an edge, or where it was let go. */
function useDrop() {
  const { store, specs, select } = useEditor()
  const flow = useReactFlow<CardNode, FlowLink>()
  return (event: DragEvent) => {
    const [kind, type] = event.dataTransfer.getData(DRAG_TYPE).split('/')
    const spec = type === undefined ? undefined : specs.get({ kind: kind as Kind, type })
    if (spec === undefined) return
    event.preventDefault()
    rememberType(spec)
    const at = flow.screenToFlowPosition({ x: event.clientX - 104, y: event.clientY - 24 })
    const key = edgeAt(event)
    let added = ''
    store.getState().change(t('Add {type}', { type: spec.type }), (draft) => {
      const edge = draft.document.edges.find((each) => edgeKey(each) === key)
      const onEdge = edge !== undefined && fitsOnEdge(draft.document, specs, spec, edge)
      const [next, id] = onEdge ? addOnEdge(draft.document, specs, edgeKey(edge), spec) : addComponent(draft.document, spec, at)
      added = id
      return { ...draft, document: next }
    })
    select(added)
  }
}

type CanvasProps = { onAdd: () => void; onConnectFrom: (component: string) => void }

/** The graph. All that it changes goes through the editor's store; it keeps only what a pointer is doing. */
export function Canvas({ onAdd, onConnectFrom }: CanvasProps) {
  const { store, specs, canEdit, selected, select } = useEditor()
  const theme = useTheme()
  const { viewport, remember } = useViewportAddress()
  const graph = useEditorState((state) => state.draft.document)
  const change = useEditorState((state) => state.change)
  const [nodes, setNodes] = useNodes(graph, specs, selected)
  const [selectedEdges, setSelectedEdges] = useState<ReadonlySet<string>>(NONE)
  const ownLinks = useLinks(graph, specs, selectedEdges)
  const shown = useMemo(() => withFrames(nodes, graph.groups, selected), [nodes, graph.groups, selected])
  const links = useMemo(() => withBundles(ownLinks, graph), [ownLinks, graph])
  const edits = useEdits(() => setSelectedEdges(NONE))
  const connecting = useConnecting()
  const drop = useDrop()
  useOpeningView(shown, graph, selected, viewport !== null)
  useInSight(shown, graph, selected)
  const chosen = useMemo(() => new Set(shown.filter((node) => node.selected).map((node) => node.id)), [shown])
  const onKeyDown = useCanvasKeys({ edits, ids: () => chosen, edges: selectedEdges, onAdd, onConnectFrom })

  const onNodesChange = (changes: NodeChange<CanvasNode>[]) => setNodes((before) => applyNodeChanges(memberChanges(changes, before, graph.groups), before))
  const onEdgesChange = (changes: EdgeChange<CanvasLink>[]) => {
    const next = new Set(selectedEdges)
    for (const each of changes) {
      if (each.type !== 'select') continue
      if (each.selected) next.add(each.id)
      else next.delete(each.id)
    }
    setSelectedEdges(next)
  }
  const onNodeDragStop: OnNodeDrag<CanvasNode> = (_event, _node, dragged) => {
    const current = store.getState().draft.document.layout
    const places = draggedPlaces(dragged, current)
    const moved = Object.entries(places).some(([id, at]) => current[id]?.x !== at.x || current[id].y !== at.y)
    if (moved) change(t('Move'), (draft) => ({ ...draft, document: moveComponents(draft.document, places) }))
  }
  const isLarge = graph.components.length > LARGE
  return (
    <div className="h-full min-h-0 select-none" onKeyDownCapture={onKeyDown} onDrop={canEdit ? drop : undefined} onDragOver={(event) => event.preventDefault()}>
      {canEdit && chosen.size > 1 && <SelectionBar ids={chosen} edits={edits} />}
      <PaintedContext value={isLarge}>
        <ReactFlow
          aria-label={t('Pipeline canvas')}
          nodes={shown}
          edges={links}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          onNodesChange={onNodesChange}
          onEdgesChange={onEdgesChange}
          onNodeDragStop={onNodeDragStop}
          {...connecting}
          onNodeClick={(event, node) => {
            if (frameName(node.id) !== null || event.shiftKey || event.metaKey || event.ctrlKey) return
            select(node.id)
            // A card that was one of several chosen is the only one now.
            if (chosen.size > 1) edits.selectAll([node.id])
          }}
          onPaneClick={() => select(undefined)}
          onEdgeClick={() => select(undefined)}
          nodesDraggable={canEdit}
          nodesConnectable={canEdit}
          deleteKeyCode={null}
          colorMode={theme}
          onlyRenderVisibleElements={isLarge}
          className={isLarge ? 'is-large' : ''}
          {...(viewport === null ? {} : { defaultViewport: viewport })}
          // Only a person's own movement is worth an address.
          onMoveEnd={(event, moved) => event !== null && remember(moved)}
          minZoom={0.15}
          maxZoom={2}
          zoomOnDoubleClick={false}
        >
          <Background variant={BackgroundVariant.Dots} gap={20} size={1.2} color="var(--line)" />
          {isLarge && <LiveLayer />}
          <Controls showInteractive={false} fitViewOptions={FIT} />
          <Overview nodes={shown} />
        </ReactFlow>
      </PaintedContext>
    </div>
  )
}
