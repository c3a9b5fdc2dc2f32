import { type Browser, type Request, type Route } from 'playwright-core';
import { eventually } from '@portcullis/testing';
import { findChromium, launch, Visitor } from './browser.js';
import { administrator, type Client } from './client.js';
import { type Stack, startStack } from './stack.js';

const executable = findChromium();
if (executable === undefined) test.skip('the console’s record: there is no Chromium on this machine', () => undefined);

/** The record and the overview as people use them, in a real browser against a running stack. */
(executable === undefined ? describe.skip : describe)('the record in the console', () => {
  let stack: Stack;
  let browser: Browser;
  let visitor: Visitor;
  /** Somebody else, who changes things meanwhile. */
  let other: Client;
  const proofs = '**/v1/audit/events/*/proof';
  const exports = '**/v1/audit/export?*';
  const streams = '**/v1/audit/stream';

  beforeAll(async () => {
    stack = await startStack();
    browser = await launch(executable as string);
    visitor = await Visitor.at(stack.url, browser);
    other = await administrator(stack);
    expect((await other.as('ptc_nobodys').get('/v1/whoami')).status).toBe(401);
    await eventually(async () => {
      const denied = await other.get('/v1/audit/events?outcome=denied');
      return (denied.json as { items: object[] }).items.length === 1;
    });
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 120_000);
  afterEach(() => expect(visitor.faults.splice(0)).toEqual([]));

  const create = async (name: string): Promise<string> => {
    const made = await other.post('/v1/service-accounts', { name });
    expect(made.status).toBe(201);
    return (made.json as { id: string }).id;
  };
  /** For one character and what stands behind it. */
  const otherThan = (found: string, rest: string) => (found.startsWith('A') ? 'B' : 'A') + rest;
  const barriers = async () => expect(await visitor.barriers()).toEqual([]);
  /** Answers of a route with one thing changed in them. */
  const changed = (change: (body: Record<string, unknown>) => void) => async (route: Route) => {
    const response = await route.fetch();
    const body = (await response.json()) as Record<string, unknown>;
    change(body);
    await route.fulfill({ response, body: JSON.stringify(body) });
  };

  test('the overview of an empty installation says what to do, and how the stack is', async () => {
    const { page } = visitor;
    await visitor.goTo('/');
    await visitor.signIn(stack.email, stack.password);
    await visitor.isAt('Overview');
    const cards = ['First steps', 'Keys that expire within 14 days', 'Keys unused for 90 days', 'Denials in 24 hours'];
    for (const name of [...cards, 'Health of the stack', 'Policy in force'])
      await page.getByRole('heading', { level: 2, name }).waitFor();
    await page.getByText('Ready: the gateway can decide').waitFor();
    await page.getByText('intact').waitFor();
    await page.getByText(/^Denials: 1 from/).waitFor();
    await barriers();
  }, 120_000);

  test('an API key that ends soon is on the overview, and the first steps are gone', async () => {
    const { page } = visitor;
    const body = { name: 'ends soon', permissions: ['policy:view'], expires_in_days: 3 };
    expect((await other.post('/v1/api-keys', body)).status).toBe(201);
    await page.reload();
    await page.getByRole('link', { name: 'ends soon' }).waitFor();
    expect(await page.getByRole('heading', { name: 'First steps' }).count()).toBe(0);
  }, 120_000);

  test('a change is found by search, opened, and its proof verified by the browser', async () => {
    const { page } = visitor;
    const id = await create('settlement-runner');
    await page.getByRole('link', { name: 'Audit' }).click();
    await visitor.isAt('Audit');
    await barriers();
    await page.getByLabel('Resource').fill(id);
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/console/audit?resource=${id}`);
    await page.getByRole('row', { name: /service-account\.created/ }).click();
    await visitor.isAt('service-account.created');
    await page.getByText('settlement-runner').first().waitFor();
    await page.getByRole('button', { name: 'Verify in this browser' }).click();
    await page.getByText('Verified', { exact: true }).waitFor();
    expect(await page.getByText(/Right: /).count()).toBe(3);
    await barriers();
  }, 120_000);

  test('a proof, a salt or a signature that was tampered with is shown as wrong', async () => {
    const { page } = visitor;
    const shows = async (step: string) => {
      await page.getByRole('button', { name: 'Verify again' }).click();
      await page.getByText(`Wrong: ${step}`).waitFor();
      await page.getByText('Not verified: do not believe what is shown here').waitFor();
      expect(await page.getByText(/Right: /).count()).toBe(2);
    };
    const nothing = Buffer.alloc(32).toString('base64');
    await page.route(
      proofs,
      changed((proof) => ((proof['hashes'] as string[])[0] = nothing)),
    );
    await shows('The leaf is in the tree of the checkpoint');
    await barriers();
    await page.unroute(proofs);
    await page.route(
      exports,
      changed((line) => (line['salt'] = nothing)),
    );
    await shows('The event gives its leaf');
    await page.unroute(exports);
    await page.route(
      proofs,
      changed((proof) => (proof['checkpoint'] = (proof['checkpoint'] as string).replace(/.(.{20}\n)$/, otherThan))),
    );
    await shows('The log has signed the checkpoint');
    await page.unroute(proofs);
    await page.getByRole('button', { name: 'Verify again' }).click();
    await page.getByText('Verified', { exact: true }).waitFor();
  }, 120_000);

  test('from an event to its request, and to counts over time', async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'What happened around this request' }).click();
    await visitor.isAt('Audit');
    await page.waitForURL('**/console/audit?request_id=*');
    await page.getByRole('row', { name: /service-account\.created/ }).waitFor();
    await page.getByRole('button', { name: 'Everything' }).click();
    await page.getByRole('button', { name: 'Count', exact: true }).click();
    await page.getByText(/^Events: [1-9]\d* from/).waitFor();
    await page.getByText('The same as a table').click();
    await page.getByRole('columnheader', { name: 'denied' }).waitFor();
    await barriers();
  }, 120_000);

  test('the live tail shows what happens, keeps its place over a pause and a lost connection, and its token out of the address', async () => {
    const { page } = visitor;
    const asked: Request[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/v1/audit/stream')) asked.push(request);
    });
    await page.route(streams, (route) => route.fulfill({ status: 503, body: '' }), { times: 1 });
    await page.getByRole('link', { name: 'Live tail' }).click();
    await page.getByText('Connection lost: trying again').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const rowOf = (id: string) => page.getByRole('row').filter({ hasText: id });
    const first = await create('seen-at-once');
    await rowOf(first).filter({ hasText: 'service-account.created' }).waitFor();
    await page.getByText(/^\d+ new events?$/).waitFor({ state: 'attached' });
    await barriers();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused', { exact: true }).waitFor();
    const second = await create('seen-after-the-pause');
    await page.getByRole('button', { name: 'Go on' }).click();
    await rowOf(second).filter({ hasText: 'service-account.created' }).waitFor();
    expect(await rowOf(second).count()).toBe(1);
    expect(await rowOf(first).count()).toBe(1);
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map((request) => new URL(request.url()).search))).toEqual(new Set(['']));
    expect(await asked[2]?.headerValue('Authorization')).toMatch(/^Bearer /);
    expect(await asked[2]?.headerValue('Last-Event-ID')).toMatch(/^\d+$/);
    const left = page.waitForEvent('requestfailed', (request) => request === asked[2]);
    await page.getByRole('link', { name: 'To the search' }).click();
    await left;
  }, 120_000);
});
