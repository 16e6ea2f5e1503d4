import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { createPipeline, createSecret, fixDocument, getPipeline, importText, reimportDocument, updatePipeline } from '@/api/gen'
import { listPipelinesQueryKey, listSecretsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import type { Scope } from '@/app/scope'
import { useCan, useScope } from '@/app/scope'
import type { Document } from '@/features/editor/graph/types'
import { wholeDocument } from '@/features/editor/graph/types'
import { useSecretNames } from '@/features/secrets/use-secret-names'
import type { Entry, Part, Proposal } from './plan'
import { entriesOf, fixesOf, partsOf, proposalsOf, valuesOf } from './plan'
import type { Source } from './read-form'

/** Somebody saved the pipeline while its replacement was looked at. */
export class ChangedMeanwhile extends Error {}

/** Everything of one import, from the text to the pipelines that it made. */
export function useImport(into: string | undefined) {
  const path = useScope()
  const can = useCan()
  const canSeal = can('secret.write')
  const queryClient = useQueryClient()
  const [parts, setParts] = useState<Part[]>([])
  const [proposals, setProposals] = useState<Proposal[]>([])
  const [entries, setEntries] = useState<Entry[]>([])
  const known = new Set(useSecretNames(path, can('secret.read')))
  const read = useMutation({
    mutationFn: async (source: Source) => {
      const body = 'files' in source ? { files: source.files, directory: source.isDirectory, ...(source.interpolates === undefined ? {} : { interpolates: source.interpolates }) } : source
      return (await importText({ path, body, throwOnError: true })).data
    },
    onSuccess: (result) => {
      const found = partsOf(result)
      // Into one pipeline goes one part.
      setParts(into === undefined ? found : found.map((each, at) => ({ ...each, isWanted: at === 0 })))
      setProposals(proposalsOf(found, result.findings, canSeal))
      setEntries(canSeal ? entriesOf(result.findings) : [])
    },
  })
  const fixed = async (at: number, document: Document): Promise<Document> => {
    let now = document
    for (const fix of fixesOf(at, proposals)) {
      now = wholeDocument((await fixDocument({ path, body: { document: now, fix }, throwOnError: true })).data.document)
    }
    return now
  }
  const store = useMutation({
    mutationFn: async (seen: string | undefined) => {
      for (const [name, value] of valuesOf(parts, proposals, entries)) {
        if (!known.has(name)) await createSecret({ path, body: { name, value }, throwOnError: true })
        // A second try, after a later step failed, makes none twice.
        await queryClient.invalidateQueries({ queryKey: listSecretsQueryKey({ path }).slice(0, 1) })
      }
      const ids: string[] = []
      for (const [at, part] of parts.entries()) {
        if (!part.isWanted) continue
        const document = await fixed(at, part.document)
        ids.push(into === undefined ? await made(path, part.name, document) : await replaced(path, into, document, seen))
        setParts((before) => before.map((each, index) => (index === at ? { ...each, isWanted: false } : each)))
      }
      return ids
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: listPipelinesQueryKey({ path }).slice(0, 1) }),
  })
  return {
    parts,
    proposals,
    entries,
    known,
    canSeal,
    read,
    store,
    setPart: (at: number, change: Partial<Part>) => setParts((before) => before.map((each, index) => (index === at ? { ...each, ...change } : into !== undefined && change.isWanted === true ? { ...each, isWanted: false } : each))),
    setProposal: (key: string, change: Partial<Proposal>) => setProposals((before) => before.map((each) => (each.key === key ? { ...each, ...change } : each))),
    setEntry: (name: string, value: string) => setEntries((before) => before.map((each) => (each.name === name ? { name, value } : each))),
    startOver: () => {
      setParts([])
      read.reset()
      store.reset()
    },
  }
}

async function made(path: Scope, name: string, document: Document): Promise<string> {
  return (await createPipeline({ path, body: { name: name.trim(), description: '', document }, throwOnError: true })).data.id
}

/** Puts a document in the place of a pipeline's draft, with its layout; refused unless it is the version that was looked at. */
async function replaced(path: Scope, id: string, document: Document, seen: string | undefined): Promise<string> {
  const { data: old } = await getPipeline({ path: { ...path, id }, throwOnError: true })
  if (old.etag !== seen) throw new ChangedMeanwhile(old.updated_by ?? '')
  const { data } = await reimportDocument({ path, body: { document: old.document, imported: document }, throwOnError: true })
  const body = { name: old.name, description: old.description, document: data.document }
  await updatePipeline({ path: { ...path, id }, headers: { 'If-Match': old.etag }, body, throwOnError: true })
  return id
}

/** What replacing a pipeline's draft by a document would change. */
export function useReplacement(into: string | undefined, part: Part | undefined) {
  const path = useScope()
  return useQuery({
    queryKey: ['reimport', path.org, path.env, into, part?.document],
    enabled: into !== undefined && part !== undefined,
    queryFn: async ({ signal }) => {
      const { data: old } = await getPipeline({ path: { ...path, id: into ?? '' }, signal, throwOnError: true })
      const body = { document: old.document, imported: part?.document ?? {} }
      return { name: old.name, etag: old.etag, ...(await reimportDocument({ path, body, signal, throwOnError: true })).data }
    },
    retry: false,
    gcTime: 0,
  })
}
