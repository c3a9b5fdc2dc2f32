import { type Browser, type Locator } from 'playwright-core';
import { findChromium, launch, Visitor } from './browser.js';
import { type Stack, startStack } from './stack.js';

// Minutes, and what it walks is told of the API elsewhere: it is asked for by `npm run conformance`.
const executable = process.env['PORTCULLIS_CONFORMANCE'] === '1' ? findChromium() : undefined;
if (executable === undefined) test.skip('the console: npm run conformance, where there is a Chromium', () => undefined);

/** Who there is and what they may do, in the console, in a real browser. */
(executable === undefined ? describe.skip : describe)(
  'people, service accounts, organizations and roles in the console',
  () => {
    let stack: Stack;
    let browser: Browser;
    let visitor: Visitor;
    const password = 'a long enough password of Ann';

    beforeAll(async () => {
      stack = await startStack();
      browser = await launch(executable as string);
      visitor = await Visitor.at(stack.url, browser);
      await visitor.goTo('/');
      await visitor.signIn(stack.email, stack.password);
      await visitor.isAt('Overview');
    }, 180_000);
    afterAll(async () => {
      await browser?.close();
      expect(await stack?.stop()).toBe(0);
      stack?.remove();
    }, 120_000);
    afterEach(() => expect(visitor.faults.splice(0)).toEqual([]));

    const button = (name: string): Locator => visitor.page.getByRole('button', { name, exact: true });
    const link = (name: string): Locator => visitor.page.getByRole('link', { name, exact: true }).first();
    /** From a button of a page through the question to the receipt. */
    const change = async (verb: string): Promise<void> => {
      await button(verb).click();
      expect(await visitor.barriers()).toEqual([]);
      await visitor.page.getByRole('dialog').getByRole('button', { name: verb, exact: true }).click();
      await button('Done').click();
    };

    test('a service account from creation to deletion', async () => {
      const { page } = visitor;
      await link('Service accounts').click();
      await visitor.isAt('Service accounts');
      expect(await visitor.barriers()).toEqual([]);
      await link('Create a service account').click();
      await visitor.isAt('Create a service account');
      await page.getByLabel('Name').fill('Reconciliation');
      await page.getByText('observer', { exact: true }).click();
      expect(await visitor.barriers()).toEqual([]);
      await button('Create').click();
      await visitor.isAt('Reconciliation');
      expect(await visitor.barriers()).toEqual([]);
      await change('Disable');
      await page.getByText('disabled', { exact: true }).waitFor();
      await change('Enable');
      await page.getByText('active', { exact: true }).waitFor();
      await change('Delete');
      await page.getByText('deleted', { exact: true }).waitFor();
      expect(await button('Edit').count()).toBe(0);
    }, 120_000);

    test('a person is added, sees what they may see, and is shut out while they look', async () => {
      const { page } = visitor;
      await link('People').click();
      await visitor.isAt('People');
      expect(await visitor.barriers()).toEqual([]);
      await link('Add a person').click();
      await visitor.isAt('Add a person');
      await page.getByLabel('E-mail').fill('ann@example.com');
      await page.getByText('Set a password now').click();
      await page.getByLabel('Password', { exact: true }).fill(password);
      await page.getByText('observer', { exact: true }).click();
      expect(await visitor.barriers()).toEqual([]);
      await button('Add').click();
      await visitor.isAt('ann@example.com is a member');

      const ann = await Visitor.at(stack.url, browser, { colorScheme: 'dark', viewport: { width: 390, height: 844 } });
      await ann.goTo('/people');
      await ann.signIn('ann@example.com', password);
      await ann.isAt('People');
      expect(await ann.barriers()).toEqual([]);
      expect(await ann.page.getByRole('link', { name: 'Add a person' }).count()).toBe(0);
      // What is not offered can still be asked for by its address: the server refuses it.
      await ann.goTo('/people/new');
      await ann.isAt('Add a person');
      await ann.page.getByLabel('E-mail').fill('bob@example.com');
      await ann.page.getByRole('button', { name: 'Invite' }).click();
      await ann.page.getByText('Not allowed', { exact: true }).waitFor();
      await ann.goTo('/people');
      await ann.isAt('People');
      expect(await ann.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);

      await link('To the person').click();
      await visitor.isAt('ann@example.com');
      await change('Disable');
      await page.getByText('disabled', { exact: true }).waitFor();
      await ann.page.reload();
      await ann.isAt('Sign in to Portcullis');
      expect(ann.faults).toEqual([]);
      await ann.close();
    }, 120_000);

    test('an organization is created, acted in, suspended and resumed', async () => {
      const { page } = visitor;
      await link('Organizations').click();
      await visitor.isAt('Organizations');
      expect(await visitor.barriers()).toEqual([]);
      await link('Create an organization').click();
      await page.getByLabel('Name').fill('Subsidiary');
      await button('Create').click();
      await visitor.isAt('Subsidiary');
      expect(await visitor.barriers()).toEqual([]);
      await change('Suspend');
      await page.getByText('suspended', { exact: true }).first().waitFor();
      await change('Resume');
      await page.getByText('active', { exact: true }).first().waitFor();

      await page.reload();
      await visitor.isAt('Which organization?');
      expect(await visitor.barriers()).toEqual([]);
      await button('Act in Subsidiary').click();
      await link('People').click();
      await visitor.isAt('People');
      await page.getByRole('row', { name: stack.email }).waitFor();
      expect(await page.getByRole('row', { name: 'ann@example.com' }).count()).toBe(0);
      await button('Change organization').click();
      await button('Act in Default').click();
      await link('People').click();
      await page.getByRole('row', { name: 'ann@example.com' }).waitFor();
    }, 120_000);

    test('the lattice of roles, by keyboard alone', async () => {
      const { page } = visitor;
      await link('Roles').focus();
      await page.keyboard.press('Enter');
      await visitor.isAt('Roles');
      expect(await visitor.barriers()).toEqual([]);
      const lattice = page.getByRole('group', { name: /^Roles, the higher above the lower/ });
      await lattice.getByRole('link').first().focus();
      const focused = (): Promise<string | null> =>
        page.evaluate<string | null>('document.activeElement.getAttribute("data-role")');
      const top = await focused();
      await page.keyboard.press('ArrowDown');
      const below = await focused();
      expect(below).not.toBe(top);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Given to' }).waitFor();
      await page.waitForLoadState('networkidle');
      expect(new URL(page.url()).pathname).toBe(`/console/roles/${encodeURIComponent(below ?? '')}`);
      expect(await visitor.barriers()).toEqual([]);
    }, 120_000);

    test('a record that is not there is said so, and an address that is none leads back', async () => {
      await visitor.goTo('/clients/cli_none');
      // Of the two organizations that there are now, after each load of the page.
      await button('Act in Default').click();
      await visitor.page.getByText('Not found', { exact: true }).waitFor();
      await visitor.goTo('/no-such-screen');
      await button('Act in Default').click();
      expect(await visitor.barriers()).toEqual([]);
      await visitor.page
        .getByRole('link', { name: /overview/i })
        .first()
        .waitFor();
    }, 120_000);
  },
);
