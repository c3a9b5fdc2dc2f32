import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/**
 * Who may import whom, by two tags a project (`layer:` and `scope:`, in each package.json).
 * Imports run downhill; a pure library imports nothing of ours.
 */
const imports = [
  { sourceTag: 'layer:pure', onlyDependOnLibsWithTags: [] },
  { sourceTag: 'layer:policy', onlyDependOnLibsWithTags: ['scope:authz'] },
  { sourceTag: 'layer:contract', onlyDependOnLibsWithTags: ['scope:authz'] },
  { sourceTag: 'scope:bus', onlyDependOnLibsWithTags: ['layer:contract', 'scope:credentials', 'scope:enforcement'] },
  { sourceTag: 'scope:persistence', onlyDependOnLibsWithTags: ['layer:contract', 'scope:enforcement'] },
  { sourceTag: 'scope:granting', onlyDependOnLibsWithTags: ['layer:contract', 'scope:authz', 'scope:credentials'] },
  {
    sourceTag: 'scope:guard',
    onlyDependOnLibsWithTags: ['scope:bus', 'layer:contract', 'scope:credentials', 'scope:enforcement', 'scope:authz'],
  },
  { sourceTag: 'layer:machine', onlyDependOnLibsWithTags: ['layer:machine'] },
  {
    sourceTag: 'layer:testing',
    onlyDependOnLibsWithTags: ['layer:machine', 'layer:pure', 'layer:policy', 'layer:contract', 'layer:edge'],
  },
  {
    sourceTag: 'layer:app',
    onlyDependOnLibsWithTags: [
      'layer:pure',
      'layer:policy',
      'layer:contract',
      'layer:edge',
      'layer:machine',
      'layer:testing',
    ],
  },
  { sourceTag: 'scope:gateway', notDependOnLibsWithTags: ['scope:persistence', 'scope:embedded'] },
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '**/generated/**', '**/*.mjs'] },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.spec.json', './apps/console/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { '@nx': nx },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@nx/enforce-module-boundaries': [
        'error',
        { enforceBuildableLibDependency: true, banTransitiveDependencies: false, allow: [], depConstraints: imports },
      ],
    },
  },
  {
    files: ['**/src/**/*.ts'],
    ignores: ['**/*.spec.ts', 'apps/e2e/**', 'libs/testing/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: '@portcullis/testing', message: 'Only specs and e2e import testing.' }] },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: 'Only config.ts reads the environment.',
        },
      ],
    },
  },
  {
    files: ['**/src/config.ts', 'apps/cli/src/**/*.ts', 'libs/embedded/src/**/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  // What specs import does not ship: they may use `testing`, which itself stands on the libraries that it helps to test.
  { files: ['**/*.spec.ts', 'libs/*/spec/**/*.ts'], rules: { '@nx/enforce-module-boundaries': 'off' } },
  // A story reads JSON answers of many shapes, as a stranger would.
  { files: ['apps/e2e/**/*.ts'], rules: { '@typescript-eslint/no-unsafe-member-access': 'off' } },
);
