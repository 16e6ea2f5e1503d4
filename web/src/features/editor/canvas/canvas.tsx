import '@xyflow/react/dist/style.css'
import './canvas.css'
import type { Connection, EdgeChange, FinalConnectionState, NodeChange, OnNodeDrag } from '@xyflow/react'
import { applyNodeChanges, Background, BackgroundVariant, Controls, ReactFlow, useReactFlow } from '@xyflow/react'
import type { DragEvent, KeyboardEvent } from 'react'
import { useState } from 'react'
import { useTheme } from '@/app/theme'
import { t } from '@/lib/i18n'
import { notify } from '@/ui/toast'
import { useEditor, useEditorState } from '../context'
import { connectionRefusal } from '../graph/connect'
import { addOnEdge, fitsOnEdge } from '../graph/insert'
import { addComponent, connect, disconnect, moveComponents, removeComponents } from '../graph/operations'
import type { Kind } from '../graph/types'
import { edgeKey } from '../graph/types'
import { ComponentCard } from './component-card'
import { FlowEdge } from './flow-edge'
import { neighbour } from './keyboard'
import type { CardNode, FlowLink } from './nodes'
import { useLinks, useNodes } from './nodes'
import { useViewportAddress } from './viewport'

const NODE_TYPES = { component: ComponentCard }
const EDGE_TYPES = { flow: FlowEdge }
export const DRAG_TYPE = 'application/x-vectorflow-component'
const NONE: ReadonlySet<string> = new Set()

function toEdge(connection: { source: string | null; sourceHandle?: string | null; target: string | null }) {
  return { source: connection.source ?? '', port: connection.sourceHandle ?? '_default', target: connection.target ?? '' }
}

function edgeAt(event: DragEvent): string | null {
  const hit = document.elementsFromPoint(event.clientX, event.clientY).map((each) => each.closest<SVGElement>('.react-flow__edge'))
  return hit.find((each) => each !== null)?.dataset.id ?? null
}

type CanvasProps = { onAdd: () => void; onConnectFrom: (component: string) => void }

/** The graph. All that it changes goes through the editor's store; it keeps only what a pointer is doing. */
export function Canvas({ onAdd, onConnectFrom }: CanvasProps) {
  const { store, specs, canEdit, selected, select } = useEditor()
  const theme = useTheme()
  const { viewport, remember } = useViewportAddress()
  const flow = useReactFlow<CardNode, FlowLink>()
  const graph = useEditorState((state) => state.draft.document)
  const change = useEditorState((state) => state.change)
  const [nodes, setNodes] = useNodes(graph, specs, selected)
  const [selectedEdges, setSelectedEdges] = useState<ReadonlySet<string>>(NONE)
  const links = useLinks(graph, specs, selectedEdges)

  const onNodesChange = (changes: NodeChange<CardNode>[]) => setNodes((before) => applyNodeChanges(changes, before))
  const onEdgesChange = (changes: EdgeChange<FlowLink>[]) => {
    const next = new Set(selectedEdges)
    for (const each of changes) {
      if (each.type !== 'select') continue
      if (each.selected) next.add(each.id)
      else next.delete(each.id)
    }
    setSelectedEdges(next)
  }
  const onNodeDragStop: OnNodeDrag<CardNode> = (_event, _node, dragged) => {
    const places = Object.fromEntries(dragged.map(({ id, position }) => [id, { x: Math.round(position.x), y: Math.round(position.y) }]))
    const current = store.getState().draft.document.layout ?? {}
    const moved = Object.entries(places).some(([id, at]) => current[id]?.x !== at.x || current[id].y !== at.y)
    if (moved) change(t('Move'), (draft) => ({ ...draft, document: moveComponents(draft.document, places) }))
  }
  const onConnect = (connection: Connection) =>
    change(t('Connect'), (draft) => ({ ...draft, document: connect(draft.document, toEdge(connection)) }))
  const onConnectEnd = (_event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    if (state.isValid !== false || state.fromHandle === null || state.toHandle === null) return
    const forward = state.fromHandle.type === 'source'
    const [from, to] = forward ? [state.fromHandle, state.toHandle] : [state.toHandle, state.fromHandle]
    const refusal = connectionRefusal(graph, specs, { source: from.nodeId, port: from.id ?? '_default', target: to.nodeId })
    notify(refusal ?? t('Connections go from an output to an input.'))
  }
  const drop = (event: DragEvent) => {
    const [kind, type] = event.dataTransfer.getData(DRAG_TYPE).split('/')
    const spec = type === undefined ? undefined : specs.get({ kind: kind as Kind, type })
    if (spec === undefined) return
    event.preventDefault()
    const at = flow.screenToFlowPosition({ x: event.clientX - 104, y: event.clientY - 24 })
    const key = edgeAt(event)
    const edge = graph.edges.find((each) => edgeKey(each) === key)
    let added = ''
    change(t('Add {type}', { type: spec.type }), (draft) => {
      const onEdge = edge !== undefined && fitsOnEdge(draft.document, specs, spec, edge)
      const [next, id] = onEdge ? addOnEdge(draft.document, specs, edgeKey(edge), spec) : addComponent(draft.document, spec, at)
      added = id
      return { ...draft, document: next }
    })
    select(added)
  }
  const remove = () => {
    const ids = new Set(nodes.filter((node) => node.selected).map((node) => node.id))
    if (ids.size === 0 && selectedEdges.size === 0) return
    change(t('Remove'), (draft) => ({ ...draft, document: disconnect(removeComponents(draft.document, ids), selectedEdges) }))
    setSelectedEdges(NONE)
    select(undefined)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement
    if (event.metaKey || event.ctrlKey || event.altKey || target.matches('input, textarea, [contenteditable]')) return
    const focused = target.closest<HTMLElement>('.react-flow__node')?.dataset.id
    const isNode = focused !== undefined && target.matches('.react-flow__node')
    const next = neighbour(graph, focused ?? selected, event.key)
    if (next !== null) {
      event.preventDefault()
      event.stopPropagation()
      select(next)
      target.closest('.react-flow')?.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)?.focus()
    } else if (isNode && (event.key === 'Enter' || event.key === ' ')) {
      event.preventDefault()
      select(focused)
    } else if (canEdit && (event.key === 'Delete' || event.key === 'Backspace')) remove()
    else if (canEdit && event.key === 'a') {
      event.preventDefault()
      onAdd()
    } else if (canEdit && event.key === 'c' && selected !== undefined) {
      event.preventDefault()
      onConnectFrom(selected)
    }
  }
  return (
    <div className="h-full min-h-0" onKeyDownCapture={onKeyDown} onDrop={canEdit ? drop : undefined} onDragOver={(event) => event.preventDefault()}>
      <ReactFlow
        aria-label={t('Pipeline canvas')}
        nodes={nodes}
        edges={links}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onNodeDragStop={onNodeDragStop}
        onConnect={onConnect}
        onConnectEnd={onConnectEnd}
        isValidConnection={(connection) => connectionRefusal(graph, specs, toEdge({ ...connection, sourceHandle: connection.sourceHandle ?? null })) === null}
        onNodeClick={(event, node) => !event.shiftKey && select(node.id)}
        onPaneClick={() => select(undefined)}
        onEdgeClick={() => select(undefined)}
        nodesDraggable={canEdit}
        nodesConnectable={canEdit}
        deleteKeyCode={null}
        colorMode={theme}
        onlyRenderVisibleElements={graph.components.length > 60}
        fitView={viewport === null}
        {...(viewport === null ? {} : { defaultViewport: viewport })}
        // Only a person's own movement is worth an address.
        onMoveEnd={(event, moved) => event !== null && remember(moved)}
        fitViewOptions={{ padding: 0.08, minZoom: 0.55, maxZoom: 1 }}
        minZoom={0.15}
        maxZoom={2}
        zoomOnDoubleClick={false}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1.2} color="var(--line)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  )
}
