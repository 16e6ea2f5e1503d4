import type { Parameter, TemplateListed } from '@/api/gen'

export type Values = Record<string, unknown>

/** What the form begins with: the defaults; what has none is empty. */
export function initialValues(template: Pick<TemplateListed, 'parameters'>): Values {
  return Object.fromEntries(template.parameters.flatMap(({ name, default: value }) => (value == null ? [] : [[name, value]])))
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

/** Whether a parameter has to be given, because it has no default. */
export function isNeeded(parameter: Parameter): boolean {
  return parameter.default == null
}

/** What is sent: everything that is not empty, and what is empty on purpose. */
export function sent(template: Pick<TemplateListed, 'parameters'>, values: Values): Values {
  return Object.fromEntries(
    template.parameters.flatMap((each) => (isEmpty(values[each.name]) && isNeeded(each) ? [] : [[each.name, values[each.name] ?? each.default]])),
  )
}

/** Values to look at a template with before everything is filled in. */
export function previewed(template: Pick<TemplateListed, 'parameters' | 'examples'>, values: Values): Values {
  return { ...template.examples, ...sent(template, values) }
}

/** The names that are still missing. */
export function missing(template: Pick<TemplateListed, 'parameters'>, values: Values): string[] {
  return template.parameters.filter((each) => isNeeded(each) && isEmpty(values[each.name])).map((each) => each.name)
}

/** Lines of text as a list, without empty ones. */
export function lines(text: string): string[] {
  return text.split('\n').map((each) => each.trim()).filter((each) => each !== '')
}

/** Whether a template says all the words somewhere. */
export function matches(template: TemplateListed, query: string): boolean {
  const told = [template.title, template.summary, template.about, ...template.tags, ...template.types].join(' ').toLowerCase()
  return query.toLowerCase().split(/\s+/).every((word) => told.includes(word))
}
