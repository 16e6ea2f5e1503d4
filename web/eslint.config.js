import reactHooks from 'eslint-plugin-react-hooks'
import globals from 'globals'
import tseslint from 'typescript-eslint'
import { openInAddress } from './eslint-rules/open-in-address.js'

const noRawHtml = {
  selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
  message: 'Everything is rendered as text.',
}

export default tseslint.config(
  { ignores: ['node_modules', 'src/api/gen', 'dist'] },
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [...tseslint.configs.recommendedTypeChecked, reactHooks.configs.flat['recommended-latest']],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', noRawHtml],
      'no-restricted-properties': ['error', { property: 'innerHTML', message: 'Everything is rendered as text.' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/only-throw-error': 'off',
    },
  },
  {
    // What is open on the canvas and in its forms follows from what is chosen there, which has parameters of its own.
    files: ['src/{app,features}/**/*.tsx'],
    ignores: ['src/features/{editor,forms,vrl,design}/**', '**/*.test.tsx'],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { house: { rules: { 'open-in-address': openInAddress } } },
    rules: { 'house/open-in-address': 'error' },
  },
)
