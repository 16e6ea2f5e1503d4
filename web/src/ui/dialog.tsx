import type { ReactNode } from 'react'
import { useEffect, useRef } from 'react'
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components'
import { t } from '@/lib/i18n'
import { Button } from './button'

type DialogProps = {
  title: string
  isOpen: boolean
  onClose: () => void
  children: ReactNode
  footer?: ReactNode
  width?: 'narrow' | 'wide' | 'full'
  /** The body holds nothing that takes the focus, so the body takes it, and the keyboard scrolls it. */
  isText?: boolean
}

/** What a person writes or chooses in; not what opens a window of the system. */
const FIELDS = 'input:not([type=hidden], [type=file], [disabled]), textarea:not([disabled]), button[aria-haspopup=listbox]:not([disabled])'
const WIDTHS = { narrow: 'max-w-md', wide: 'max-w-2xl', full: 'max-w-6xl' }

/** A modal dialog with a title, a body that scrolls and a row of actions. */
export function Dialog({ title, isOpen, onClose, children, footer, width = 'narrow', isText = false }: DialogProps) {
  return (
    <ModalOverlay
      isOpen={isOpen}
      onOpenChange={(open) => !open && onClose()}
      isDismissable
      className="fixed inset-0 z-50 flex items-start justify-center overflow-auto bg-[oklch(0_0_0/0.45)] p-4 pt-[8vh]"
    >
      <Modal className={`w-full ${WIDTHS[width]} rounded-lg border border-line bg-raised shadow-raised`}>
        <AriaDialog className="flex max-h-[82vh] flex-col outline-none">
          <Heading slot="title" className="px-5 pt-4 pb-1 text-lg font-semibold">
            {title}
          </Heading>
          <Body isText={isText} title={title}>
            {children}
          </Body>
          {footer === undefined ? <div className="h-4 shrink-0" /> : <div className="flex flex-wrap justify-end gap-2 px-5 pt-2 pb-4">{footer}</div>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  )
}

/** What a dialog is about. Where nothing in it asked for the focus, its first field has it, so that one can write at once. */
function Body({ isText, title, children }: Pick<DialogProps, 'title' | 'children'> & { isText: boolean }) {
  const body = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (isText || body.current === null || body.current.contains(document.activeElement)) return
    body.current.querySelector<HTMLElement>(FIELDS)?.focus()
  }, [isText])
  return (
    <div ref={body} {...(isText ? { tabIndex: 0, role: 'group', 'aria-label': title } : {})} className="min-h-0 flex-1 overflow-auto px-5 py-2 [&>[role=alert]]:mt-3">
      {children}
    </div>
  )
}

type ConfirmProps = {
  title: string
  isOpen: boolean
  onClose: () => void
  onConfirm: () => void
  confirmLabel: string
  isPending?: boolean
  /** Nothing is lost by it. */
  isHarmless?: boolean
  children: ReactNode
}

/** A question before something that cannot be taken back. */
export function ConfirmDialog({ confirmLabel, onConfirm, isPending = false, isHarmless = false, ...rest }: ConfirmProps) {
  const footer = (
    <>
      <Button onPress={rest.onClose}>{t('Cancel')}</Button>
      <Button variant={isHarmless ? 'primary' : 'danger'} isDisabled={isPending} onPress={onConfirm}>
        {confirmLabel}
      </Button>
    </>
  )
  return <Dialog {...rest} footer={footer} />
}
