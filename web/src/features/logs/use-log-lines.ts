import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import type { ListLogsData, LogLine } from '@/api/gen'
import { listLogs } from '@/api/gen'
import { listEnvironmentsOptions, listLogsQueryKey } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { useLiveTopic } from '@/features/live/hooks'
import { usePages } from '@/lib/use-pages'

const AT_MOST_EVERY_MS = 1500

type LogQuery = Omit<NonNullable<ListLogsData['query']>, 'cursor' | 'after'>

/** Log lines page by page; while `follow` holds they are read again when nodes have told new ones. */
export function useLogLines(query: LogQuery, follow: boolean) {
  const { org, env } = useScope()
  const path = { org, env }
  const client = useQueryClient()
  const environments = useQuery(listEnvironmentsOptions({ path: { org } }))
  const environment = environments.data?.items.find((each) => each.slug === env)?.id
  const queryKey = [...listLogsQueryKey({ path, query }), 'pages']
  const list = usePages<LogLine>({
    queryKey,
    fetchPage: async (cursor, signal) =>
      (await listLogs({ path, query: { ...query, ...(cursor === undefined ? {} : { cursor }) }, signal, throwOnError: true })).data,
  })
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const [hasNews, setHasNews] = useState(false)
  const reread = () => {
    if (!follow) {
      setHasNews(true)
      return
    }
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      void client.invalidateQueries({ queryKey })
    }, AT_MOST_EVERY_MS)
  }
  useLiveTopic(environment === undefined ? null : `logs:${environment}`, reread, reread)
  useEffect(() => () => clearTimeout(timer.current), [])
  return { ...list, hasNews, seen: () => setHasNews(false) }
}
