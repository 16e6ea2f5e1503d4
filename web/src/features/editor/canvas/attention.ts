type Place = { edge: string | null; card: HTMLElement | null }

const NOWHERE: Place = { edge: null, card: null }

function placeOf(target: EventTarget | null): Place {
  if (!(target instanceof Element)) return NOWHERE
  const edge = target.closest<HTMLElement>('.react-flow__edge, [data-edge]')
  return { edge: edge?.dataset.edge ?? edge?.dataset.id ?? null, card: target.closest<HTMLElement>('.react-flow__node') }
}

/** What of a graph the pointer rests on and what has the focus: often two different things, when one goes on by keys. */
export class Attention {
  private pointer = NOWHERE
  private focus = NOWHERE

  constructor(
    private readonly root: HTMLElement,
    private readonly changed: () => void,
  ) {
    root.addEventListener('pointerover', this.onOver)
    root.addEventListener('pointerleave', this.onLeave)
    root.addEventListener('focusin', this.onFocus)
    root.addEventListener('focusout', this.onBlur)
  }

  stop(): void {
    this.root.removeEventListener('pointerover', this.onOver)
    this.root.removeEventListener('pointerleave', this.onLeave)
    this.root.removeEventListener('focusin', this.onFocus)
    this.root.removeEventListener('focusout', this.onBlur)
  }

  /** The cards that show their buttons. */
  cards(): HTMLElement[] {
    return [...new Set([this.pointer.card, this.focus.card])].filter((each) => each !== null)
  }

  has(edge: string): boolean {
    return this.pointer.edge === edge || this.focus.edge === edge
  }

  private readonly onOver = ({ target }: Event) => this.move('pointer', placeOf(target))
  private readonly onLeave = () => this.move('pointer', NOWHERE)
  private readonly onFocus = ({ target }: Event) => this.move('focus', placeOf(target))
  private readonly onBlur = () => this.move('focus', NOWHERE)

  private move(what: 'pointer' | 'focus', to: Place): void {
    if (this[what].edge === to.edge && this[what].card === to.card) return
    this[what] = to
    this.changed()
  }
}
