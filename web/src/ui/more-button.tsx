import { t } from '@/lib/i18n'
import { Button } from './button'

export type Pages = { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown }

/** The way to the next page of a list, where there is one. */
export function MoreButton({ list }: { list: Partial<Pages> }) {
  if (list.hasNextPage !== true) return null
  return (
    <Button className="mt-3" isDisabled={list.isFetchingNextPage === true} onPress={() => void list.fetchNextPage?.()}>
      {t('Load more')}
    </Button>
  )
}
