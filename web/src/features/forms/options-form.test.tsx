import { cleanup, render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import type { ComponentType } from 'react'
import { useState } from 'react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Finding, OptionSpec } from '@/api/gen'
import { FormContext } from './context'
import type { ControlProps } from './option-field'
import { OptionsForm } from './options-form'
import type { Options } from './values'

vi.mock('@/ui/code-editor', () => ({
  CodeEditor: (props: { label: string; value: string; onChange: (text: string) => void }) => (
    <textarea aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.target.value)} />
  ),
}))

const specs: Record<string, OptionSpec> = {
  path: { type: 'string', required: true, essential: true, title: 'Path', aliases: ['way'] },
  password: { type: 'string', aliases: ['pin'] },
  rules: { type: 'array', items: { type: 'object', options: { rate: { type: 'number' } } } },
  mode: { type: 'string', enum: ['fast', 'safe'], default: 'safe', essential: true },
  size: { type: 'integer', unit: 'bytes', default: 10 },
  verbose: { type: 'boolean', default: false },
  names: { type: 'array', items: { type: 'string' }, essential: true },
  headers: { type: 'map', values: { type: 'string' }, essential: true },
  condition: { type: 'condition', essential: true },
  limits: { type: 'object', options: { rate: { type: 'number' } } },
  csv: { type: 'string', relevant_when: 'mode = "fast"', essential: true },
}

let latest: Options = {}

type HarnessProps = { start: Options; findings?: Finding[]; program?: ComponentType<ControlProps> }

function Harness({ start, findings = [], ...form }: HarnessProps) {
  const [value, setValue] = useState(start)
  const change = (next: Options) => {
    setValue(next)
    latest = next
  }
  return (
    <FormContext value={{ findings, readOnly: false, ...form }}>
      <OptionsForm folded specs={specs} value={value} path={[]} onChange={change} />
    </FormContext>
  )
}

const open = (start: Options = {}, findings: Finding[] = []) => {
  latest = start
  render(<Harness start={start} findings={findings} />)
  return userEvent.setup()
}

afterEach(cleanup)

describe('the form of options', () => {
  it('shows essentials first and folds the rest', async () => {
    const user = open()
    expect(screen.getByLabelText('Path')).toBeTruthy()
    expect(screen.queryByLabelText('Size')).toBeNull()
    await user.click(screen.getByRole('button', { name: /more options/ }))
    expect(screen.getByLabelText('Size')).toBeTruthy()
  })
  it('sets and unsets a text', async () => {
    const user = open({ csv: 'x' })
    await user.type(screen.getByLabelText('Path'), '/a')
    expect(latest.path).toBe('/a')
    await user.clear(screen.getByLabelText('CSV'))
    expect(latest).not.toHaveProperty('csv')
  })
  it('takes numbers only, and says so', async () => {
    const user = open({ size: 5 })
    const field = screen.getByLabelText('Size')
    await user.clear(field)
    await user.type(field, '1.5')
    expect(screen.getByText('A whole number is needed here.')).toBeTruthy()
    expect(latest.size).toBe(1)
    await user.clear(field)
    await user.type(field, 'VAR[[size]')
    expect(latest.size).toBe('VAR[size]')
  })
  it('switches on what is off by default, and goes back to the default', async () => {
    const user = open({ size: 1 })
    await user.click(screen.getByRole('switch', { name: 'Verbose' }))
    expect(latest.verbose).toBe(true)
    await user.click(screen.getByRole('button', { name: 'Remove Verbose' }))
    expect(latest).not.toHaveProperty('verbose')
  })
  it('edits lists', async () => {
    const user = open({ names: ['a'] })
    const list = document.querySelector<HTMLElement>('[data-option=names]')
    if (list === null) throw new Error('no list')
    await user.click(within(list).getByRole('button', { name: 'Add item' }))
    await user.type(screen.getByLabelText('Names, item 2'), 'b')
    expect(latest.names).toEqual(['a', 'b'])
    await user.click(within(list).getByRole('button', { name: 'Remove item 1' }))
    expect(latest.names).toEqual(['b'])
    await user.click(within(list).getByRole('button', { name: 'Remove item 1' }))
    expect(latest).not.toHaveProperty('names')
  })
  it('edits maps, renames in place and refuses a name twice', async () => {
    const user = open({ headers: { a: '1', b: '2' } })
    const name = screen.getByLabelText('Headers, name 1')
    await user.clear(name)
    await user.type(name, 'b')
    await user.tab()
    expect(latest.headers).toEqual({ a: '1', b: '2' })
    await user.clear(name)
    await user.type(name, 'c')
    await user.tab()
    expect(Object.keys(latest.headers as object)).toEqual(['c', 'b'])
  })
  it('keeps and shows what the catalogue does not know, and what has another form', async () => {
    const user = open({ colour: { deep: true }, condition: { type: 'vrl', source: 'true' } })
    expect(screen.getByLabelText<HTMLTextAreaElement>('Colour as YAML').value).toBe('deep: true')
    expect(screen.getByLabelText<HTMLTextAreaElement>('Condition as YAML').value).toContain('source: "true"')
    await user.type(screen.getByLabelText('Path'), 'p')
    expect(latest.colour).toEqual({ deep: true })
  })
  it('hides what does not matter for its siblings', () => {
    open({ mode: 'safe' })
    expect(screen.queryByLabelText('CSV')).toBeNull()
    cleanup()
    open({ mode: 'fast' })
    expect(screen.getByLabelText('CSV')).toBeTruthy()
  })
  it('shows findings at their field as text', () => {
    const finding: Finding = { rule: 'r', severity: 'error', message: '<b>bad</b>', component: 'x', path: ['path'], line: null, column: null, fix: null }
    open({}, [finding])
    const field = document.querySelector<HTMLElement>('[data-option=path]')
    expect(field?.textContent).toContain('<b>bad</b>')
    expect(field?.querySelector('b')).toBeNull()
  })
  it('shows findings at the item of a list and the value of a map that they are about', () => {
    const about = (path: string[], message: string): Finding => ({ rule: 'r', severity: 'error', message, component: 'x', path, line: null, column: null, fix: null })
    open({ names: ['a', 'b'], headers: { k: 'v' } }, [about(['names', '1'], 'not b'), about(['headers', 'k'], 'not v')])
    expect(screen.getByText('not b')).toBeTruthy()
    expect(screen.getByText('not v')).toBeTruthy()
  })
  it('shows an option under another name of it as what it is, and keeps the name', async () => {
    const user = open({ way: '/a', pin: 'SECRET[x]' })
    const field = screen.getByLabelText<HTMLInputElement>('Path')
    expect(field.value).toBe('/a')
    expect(screen.queryByText('Options the catalogue does not know')).toBeNull()
    await user.type(field, 'b')
    expect(latest).toEqual({ way: '/ab', pin: 'SECRET[x]' })
  })
  it('numbers whole sets of options in a list', () => {
    open({ rules: [{ rate: 1 }, { rate: 2 }] })
    expect(screen.getByText('Item 2')).toBeTruthy()
    expect(screen.getAllByRole('button', { name: /Remove item/ })).toHaveLength(2)
  })
  it('leaves what the compiler says to the control of a program, where there is one', () => {
    const about = (rule: string): Finding => ({ rule, severity: 'error', message: `by ${rule}`, component: 'x', path: ['condition'], line: 1, column: 1, fix: null })
    const start = { condition: 'broken(' }
    const findings = [about('vrl.E203'), about('option.type')]
    const shown = render(<Harness start={start} findings={findings} program={() => <i>told here</i>} />)
    expect(shown.queryByText('by vrl.E203')).toBeNull()
    expect(shown.getByText('by option.type')).toBeTruthy()
    shown.unmount()
    open(start, findings)
    expect(screen.getByText('by vrl.E203')).toBeTruthy()
  })
})
