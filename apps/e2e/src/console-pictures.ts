import { generateKeyPairSync } from 'node:crypto';
import { join, resolve } from 'node:path';
import { findChromium, launch, Visitor } from './browser.js';
import { administrator } from './client.js';
import { noteSecrets } from './secret-sweep.js';
import { startStack } from './stack.js';

/**
 * The pictures of the console that README and docs show, of a stack with some life in it. `node apps/e2e/dist/console-pictures.js`
 * writes them anew; what is to be seen in them is told by the stories, which assert it.
 */
const executable = findChromium();
if (executable === undefined) throw new Error('There is no Chromium on this machine: install the package chromium.');
const folder = resolve(import.meta.dirname, '../../../docs/console');

const stack = await startStack();
const browser = await launch(executable);
try {
  const admin = await administrator(stack);
  const make = async (path: string, body: object): Promise<{ id: string }> => {
    const answer = await admin.post(path, body);
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text}`);
    return answer.json as { id: string };
  };
  const publicKey = () => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
  for (const name of ['Settlement', 'Compliance desk', 'Reporting'])
    await make('/v1/clients', { name, public_key: publicKey(), roles: ['layer1:role:payment:viewer'] });
  const { id: account } = await make('/v1/service-accounts', { name: 'reconciliation', roles: ['observer'] });
  await make('/v1/api-keys', { name: 'nightly export', permissions: ['counterparties:view'], expires_in_days: 5 });
  await make('/v1/api-keys', { name: 'ledger sync', permissions: ['travelrule:view'], expires_in_days: 12 });
  await make('/v1/api-keys', { name: 'reconciliation', service_account_id: account, roles: ['observer'] });
  for (let denied = 0; denied < 7; denied++) await admin.as('ptc_nobodys').get('/v1/counterparties');

  const visitor = await Visitor.at(stack.url, browser);
  const { page } = visitor;
  const picture = async (name: string): Promise<void> => {
    await page.waitForLoadState('networkidle');
    await visitor.picture(join(folder, `${name}.png`));
  };
  await visitor.goTo('/');
  await visitor.signIn(stack.email, stack.password);
  await visitor.isAt('Overview');
  await page.getByText(/^Denials: [1-9]/).waitFor();
  await picture('overview');

  await page.getByRole('link', { name: 'Clients', exact: true }).click();
  await visitor.isAt('Clients');
  await picture('clients');

  await page.getByRole('link', { name: 'API keys', exact: true }).click();
  await page.getByRole('link', { name: 'Create an API key' }).first().click();
  await visitor.isAt('Create an API key');
  await page.getByLabel('Name', { exact: true }).fill('deployments');
  await page
    .getByRole('checkbox', { name: /^Read\b/ })
    .first()
    .click({ force: true });
  await page.getByRole('button', { name: 'Create' }).click();
  await visitor.isAt('Credentials created');
  const value = page
    .locator('dt')
    .filter({ hasText: /^Bearer token$/ })
    .locator('xpath=following-sibling::dd[1]');
  noteSecrets({ bearer_token: await value.locator('code').innerText() });
  await picture('credentials');
  await page.getByText('I have put them where they belong').click();
  await page.getByRole('button', { name: 'Done' }).click();
  await visitor.isAt('deployments');

  await page.getByRole('link', { name: 'Audit', exact: true }).click();
  await visitor.isAt('Audit');
  await page
    .getByRole('row', { name: /api-key\.created/ })
    .first()
    .click();
  await visitor.isAt('api-key.created');
  await page.getByRole('button', { name: 'Verify in this browser' }).click();
  await page.getByText('Verified', { exact: true }).waitFor();
  await page.keyboard.press('End');
  await picture('proof');

  await visitor.goTo('/roles/developer');
  await visitor.isAt('Roles');
  await picture('roles');

  const dark = await Visitor.at(stack.url, browser, { colorScheme: 'dark', viewport: { width: 390, height: 844 } });
  await dark.goTo('/api-keys');
  await dark.signIn(stack.email, stack.password);
  await dark.isAt('API keys');
  await dark.page.waitForLoadState('networkidle');
  await dark.picture(join(folder, 'narrow-dark.png'));
} finally {
  await browser.close();
  await stack.stop();
  stack.remove();
}
