import { Linter } from 'eslint'
import { expect, it } from 'vitest'
import { openInAddress } from '../../eslint-rules/open-in-address'

const linter = new Linter()
const refused = (code: string) =>
  linter
    .verify(code, {
      plugins: { house: { rules: { 'open-in-address': openInAddress } } },
      rules: { 'house/open-in-address': 'error' },
      languageOptions: { parserOptions: { ecmaFeatures: { jsx: true } } },
    })
    .map((each) => each.ruleId ?? each.message)

const NO = ['house/open-in-address']

it.each([
  ['by its attribute', 'function Page() { const [open, setOpen] = useState(false); return <RuleDialog isOpen={open} onClose={() => setOpen(false)} /> }'],
  ['by a comparison', "function Page() { const [asks, set] = useState(null); return <Dialog isOpen={asks?.what === 'edit'} /> }"],
  ['by being there', 'function Page() { const [rule, set] = useState(null); return <p>{rule !== null && <RuleDialog isOpen rule={rule} />}</p> }'],
  ['by one of two', 'function Page() { const [asks, set] = useState(false); return asks ? <RuleDialog isOpen /> : <p /> }'],
  ['under another name', 'function Page() { const [asks, set] = useState(false); return <p>{asks && <Palette onClose={set} />}</p> }'],
  ['as the chosen tab', "function Page() { const [tab, setTab] = useState('a'); return <TabbedPane value={tab} /> }"],
])('refuses what only the component knows, %s', (_, code) => {
  expect(refused(code)).toEqual(NO)
})

it.each([
  ['by the address', "function Page() { const rule = useRowDialog('rule', rows); return <p>{rule.isOpen && <RuleDialog rule={rule.row} onClose={rule.close} />}</p> }"],
  ['by an answer', 'function Page() { const save = useMutation(); return <p>{save.data && <Dialog isOpen onClose={close} />}</p> }'],
  ['with typed text', "function Page() { const [text, setText] = useState(''); return <Dialog isOpen={asked.isOpen} title={text} /> }"],
])('takes what is open %s', (_, code) => {
  expect(refused(code)).toEqual([])
})
