/** The attribute that says what of an element is open or chosen, or nothing where it is neither. */
function telling(name, attributes) {
  if (name === 'TabbedPane') return 'value'
  return name.endsWith('Dialog') || attributes.has('onClose') ? 'isOpen' : undefined
}

/** The identifiers that an expression reads. */
function* identifiersIn(node) {
  if (node === null || typeof node !== 'object') return
  if (Array.isArray(node)) {
    for (const each of node) yield* identifiersIn(each)
  } else if (node.type === 'Identifier') {
    yield node
  } else if (node.type === 'MemberExpression') {
    yield* identifiersIn(node.object)
    if (node.computed) yield* identifiersIn(node.property)
  } else {
    for (const [key, value] of Object.entries(node)) if (key !== 'parent') yield* identifiersIn(value)
  }
}

/** What decides whether an element is there at all, inside of its component. */
function* conditionsOf(node) {
  for (let child = node, at = node.parent; at !== null && !/Function/.test(at.type); child = at, at = at.parent) {
    if (at.type === 'LogicalExpression' && at.right === child) yield at.left
    if (at.type === 'ConditionalExpression' && at.test !== child) yield at.test
  }
}

function isFromState(identifier, scope) {
  for (let at = scope; at !== null; at = at.upper) {
    const variable = at.set.get(identifier.name)
    if (variable !== undefined) return variable.defs.some(({ node }) => node.type === 'VariableDeclarator' && node.init?.callee?.name === 'useState')
  }
  return false
}

/** Refuses a dialog or tabs whose being open or chosen only this component's state knows. */
export const openInAddress = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      hidden: 'What “{{name}}” shows is not in the address. Use useDialog, useRowDialog or useQuestion of @/app/dialogs, or a search parameter; or say here why no address can hold it.',
    },
  },
  create(context) {
    return {
      JSXOpeningElement(node) {
        const name = node.name.type === 'JSXIdentifier' ? node.name.name : ''
        const attributes = new Map(node.attributes.flatMap((each) => (each.type === 'JSXAttribute' ? [[each.name.name, each.value]] : [])))
        const wanted = telling(name, attributes)
        if (wanted === undefined) return
        const told = attributes.get(wanted)?.expression
        const scope = context.sourceCode.getScope(node)
        const read = [...(told === undefined ? [] : [told]), ...conditionsOf(node.parent)].flatMap((each) => [...identifiersIn(each)])
        if (read.some((each) => isFromState(each, scope))) context.report({ node, messageId: 'hidden', data: { name } })
      },
    }
  },
}
