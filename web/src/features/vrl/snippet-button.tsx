import { Library } from 'lucide-react'
import type { RefObject } from 'react'
import { lazy, Suspense, useState } from 'react'
import { t } from '@/lib/i18n'
import { Button } from '@/ui/button'
import type { CodeHandle } from '@/ui/code-editor'

const SnippetDialog = lazy(async () => ({ default: (await import('./snippet-dialog')).SnippetDialog }))

/** Opens the snippets, and puts the chosen one where the editor's cursor stands. */
export function SnippetButton({ editor, program }: { editor: RefObject<CodeHandle | null>; program: string }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button onPress={() => setOpen(true)}>
        <Library aria-hidden size={14} />
        {t('Snippets…')}
      </Button>
      {isOpen && (
        <Suspense>
          <SnippetDialog
            program={program}
            onClose={() => setOpen(false)}
            onInsert={(text) => {
              setOpen(false)
              editor.current?.insert(text)
            }}
          />
        </Suspense>
      )}
    </>
  )
}
