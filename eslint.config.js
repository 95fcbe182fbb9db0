import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const EXPORT_ALL = {
  selector: 'ExportAllDeclaration',
  message: 'Name what you export: a file that re-exports others is how cycles start.',
};
const EXPORT_DEFAULT = { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' };
const ENVIRONMENT = [
  {
    // { ...process.env } hands the environment on to a child, which is not reading it
    selector: ':not(SpreadElement) > MemberExpression[object.name="process"][property.name="env"]',
    message: 'Only src/config.ts reads the environment; take what you need as an argument.',
  },
  {
    selector: 'ImportDeclaration[source.value=/^(node:)?process$/]',
    message: 'Use the global `process`, so that reading the environment can be seen.',
  },
];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'data/']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', EXPORT_ALL, EXPORT_DEFAULT],
      '@typescript-eslint/no-floating-promises': 'error',
      // a default is an answer too
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // characters are code points, as XML counts them
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // query<Row>() says what the SQL beside it gives; there is nothing to infer it from
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config.ts'],
    rules: { 'no-restricted-syntax': ['error', EXPORT_ALL, EXPORT_DEFAULT, ...ENVIRONMENT] },
  },
  {
    files: ['src/formats/**/*.ts'],
    rules: {
      // scanners index text and typed arrays whose bounds they have just checked
      '@typescript-eslint/no-non-null-assertion': 'off',
      // which control characters XML has is what some patterns are about
      'no-control-regex': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'no-control-regex': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      // expect(x).to.be.true is an expression to the linter
      '@typescript-eslint/no-unused-expressions': 'off',
      // a test knows what it put in
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        setTimeout: 'readonly',
        module: 'writable',
        require: 'readonly',
        __dirname: 'readonly',
      },
    },
  },
);
