import { useQuery } from '@tanstack/react-query'
import type { PlaceGiven, WaitingPlace } from '@/api/gen'
import { listSecretDestinationsOptions } from '@/api/gen/@tanstack/react-query.gen'
import { useScope } from '@/app/scope'
import { t } from '@/lib/i18n'
import { Checkbox } from '@/ui/checkbox'

/** A waiting place as the API takes it. */
export function placeOf(waiting: WaitingPlace): PlaceGiven {
  const { secret, component_type, option_path, destination } = waiting
  return { secret, component_type, option_path, destination }
}

function keyOf(place: PlaceGiven): string {
  return JSON.stringify([place.component_type, place.option_path, place.destination])
}

type WaitingPlacesProps = {
  /** The secret's name, or `var.<name>` of a sensitive variable. */
  secret: string
  chosen: PlaceGiven[]
  onChange: (chosen: PlaceGiven[]) => void
}

/** Where drafts want to send a secret and nobody has approved it; entering the value again approves what is ticked. */
export function WaitingPlaces({ secret, chosen, onChange }: WaitingPlacesProps) {
  const { org, env } = useScope()
  const places = useQuery(listSecretDestinationsOptions({ path: { org, env }, query: { secret } }))
  const waiting = places.data?.waiting ?? []
  if (waiting.length === 0) return null
  // Two pipelines may want the same place; one tick approves it for both.
  const byPlace = new Map<string, WaitingPlace[]>()
  for (const each of waiting) byPlace.set(keyOf(placeOf(each)), [...(byPlace.get(keyOf(placeOf(each))) ?? []), each])
  const ticked = new Set(chosen.map(keyOf))
  const toggle = (place: PlaceGiven, isOn: boolean) => onChange([...chosen.filter((each) => keyOf(each) !== keyOf(place)), ...(isOn ? [place] : [])])
  return (
    <fieldset className="flex flex-col gap-2 rounded-md border border-line px-3 py-2">
      <legend className="px-1 text-sm font-medium">{t('Waiting destinations')}</legend>
      <p className="text-sm text-secondary">{t('Drafts want to send it there. Entering the value again approves those that you tick; the others go on waiting.')}</p>
      <ul className="flex flex-col gap-2">
        {[...byPlace.entries()].map(([key, several]) => {
          const first = several[0]
          if (first === undefined) return null
          const where = first.destination === '' ? t('no named host') : first.destination
          return (
            <li key={key} className="flex items-start gap-2">
              <Checkbox label={t('Approve {place}, {option}', { place: where, option: first.option_path })} hideLabel isSelected={ticked.has(key)} onChange={(isOn) => toggle(placeOf(first), isOn)} />
              <span className="min-w-0 flex-1 [overflow-wrap:anywhere]">
                <span className="block font-mono text-sm">{where}</span>
                <span className="block text-sm text-secondary">
                  {t('{type}, {option}; in {pipelines}', {
                    type: first.component_type.replace(':', ' '),
                    option: first.option_path,
                    pipelines: [...new Set(several.map((each) => each.pipeline_name))].join(', '),
                  })}
                </span>
              </span>
            </li>
          )
        })}
      </ul>
    </fieldset>
  )
}
