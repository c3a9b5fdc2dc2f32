import { generateKeyPairSync } from 'node:crypto';
import { type Browser } from 'playwright-core';
import { findChromium, launch, Visitor } from './browser.js';
import { type Stack, startStack } from './stack.js';

const executable = findChromium();
if (executable === undefined) test.skip('the console: there is no Chromium on this machine', () => undefined);

/** The console as people use it, in a real browser against a running stack. */
(executable === undefined ? describe.skip : describe)('the console', () => {
  let stack: Stack;
  let browser: Browser;
  let visitor: Visitor;

  beforeAll(async () => {
    stack = await startStack();
    browser = await launch(executable as string);
    visitor = await Visitor.at(stack.url, browser);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 120_000);
  afterEach(() => expect(visitor.faults.splice(0)).toEqual([]));

  test('a wrong password is refused in words, a right one opens the overview', async () => {
    await visitor.goTo('/');
    await visitor.isAt('Sign in to Portcullis');
    expect(await visitor.barriers()).toEqual([]);
    await visitor.signIn(stack.email, 'not the password');
    await visitor.page.getByText('E-mail or password is wrong').waitFor();
    await visitor.signIn(stack.email, stack.password);
    await visitor.isAt('Overview');
    expect(await visitor.barriers()).toEqual([]);
  }, 120_000);

  test('the session outlives the page, and no script can read it', async () => {
    await visitor.page.reload();
    await visitor.isAt('Overview');
    const kept = await visitor.page.evaluate<string>(
      'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, location.href])',
    );
    expect(kept).not.toMatch(/eyJ|__Secure/);
  }, 120_000);

  test('a client is created, edited, rotated, disabled, enabled and deleted by mouse', async () => {
    const { page } = visitor;
    const pem = () => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string;
    await page.getByRole('link', { name: 'Clients' }).click();
    await visitor.isAt('Clients');
    expect(await visitor.barriers()).toEqual([]);
    await page.getByRole('link', { name: 'Create a client' }).first().click();
    await visitor.isAt('Create a client');
    await page.getByLabel('Name').fill('Settlement');
    await page.getByLabel('Public key').fill(pem());
    await page.getByText('layer1:role:payment:viewer').click();
    expect(await visitor.barriers()).toEqual([]);
    await page.getByRole('button', { name: 'Add' }).click();
    await visitor.isAt('Settlement');
    await page.getByText('1 of 15').waitFor();
    expect(await visitor.barriers()).toEqual([]);
    await page.getByRole('button', { name: 'Rotate key' }).click();
    await page.getByLabel('New public key').fill(pem());
    expect(await visitor.barriers()).toEqual([]);
    await page.getByRole('button', { name: 'Rotate', exact: true }).click();
    await page.getByText(/^✓ In force/).waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
    await page.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByText('disabled', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Enable' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Enable' }).click();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.getByText('active', { exact: true }).waitFor();

    await page.getByRole('link', { name: 'Edit' }).click();
    await visitor.isAt('Edit Settlement');
    expect(await visitor.barriers()).toEqual([]);
    await page.getByLabel('Name').fill('Settlement of payments');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'To the client' }).click();
    await visitor.isAt('Settlement of payments');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
  }, 120_000);

  test('a client is created, disabled from the list and found by its state, by keyboard alone', async () => {
    const { page } = visitor;
    const press = (key: string) => page.keyboard.press(key);
    const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string;
    await visitor.goTo('/clients');
    await visitor.isAt('Clients');
    await visitor.tabTo('Create a client');
    await press('Enter');
    await visitor.isAt('Create a client');
    await visitor.tabToField('Name');
    await page.keyboard.type('Reporting');
    await visitor.tabToField('Public key');
    await page.keyboard.insertText(pem);
    await press('Tab');
    await press('Space');
    await visitor.tabTo('Add');
    await press('Enter');
    await visitor.isAt('Reporting');
    await visitor.tabTo('Disable');
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    await visitor.tabTo('Disable');
    await press('Enter');
    await page.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    await visitor.tabTo('Done');
    await press('Enter');
    await page.getByText('disabled', { exact: true }).waitFor();
  }, 120_000);
});
