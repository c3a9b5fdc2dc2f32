import { expect, test } from '@jest/globals';
import { type Request, type Route } from 'playwright-core';
import { eventually } from '@portcullis/testing';
import { type ConsoleStory } from './console-story.js';

/** The record: found, its proof computed in the browser, tampered with, counted, followed live. Told in order. */
export function tellOfAudit(story: ConsoleStory): void {
  const proofs = '**/v1/audit/events/*/proof';
  const exports = '**/v1/audit/export?*';
  const streams = '**/v1/audit/stream';

  const create = async (name: string): Promise<string> => (await story.make('/v1/service-accounts', { name })).id;
  /** The record says what it knows of the id: it, or the name that it has. */
  const rowOf = (id: string, name: string) =>
    story.row(/service-account\.created/).filter({ hasText: new RegExp(`${id}|${name}`) });
  const createRecorded = async (name: string): Promise<string> => {
    const id = await create(name);
    await eventually(async () => {
      const found = await story.admin.get(`/v1/audit/events?resource=${id}`);
      return (found.json as { items: object[] }).items.length > 0;
    });
    return id;
  };

  test('a change is found by search, opened, and its proof verified by the browser', async () => {
    const { page, visitor } = story;
    const id = await createRecorded('settlement-runner');
    await story.open('/audit', 'Audit');
    await story.see('Audit');
    await story.fill('Resource', id);
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/console/audit?resource=${id}`);
    await rowOf(id, 'settlement-runner').click();
    await visitor.isAt('service-account.created');
    await page.getByText('settlement-runner').first().waitFor();
    await page.getByRole('button', { name: 'Verify in this browser' }).click();
    await page.getByText('Verified', { exact: true }).waitFor();
    expect(await page.getByText(/Right: /).count()).toBe(3);
    await story.look('a verified proof');
  });

  test('a proof, a salt or a signature that was tampered with is shown as wrong', async () => {
    const { page } = story;
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
    await story.look('a proof that is wrong');
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
  });

  test('from an event to its request, and to counts over time', async () => {
    const { page } = story;
    await page.getByRole('link', { name: 'What happened around this request' }).click();
    await story.visitor.isAt('Audit');
    await page.waitForURL('**/console/audit?request_id=*');
    await page.getByRole('row', { name: /service-account\.created/ }).waitFor();
    await page.getByRole('button', { name: 'Everything' }).click();
    await page.getByRole('button', { name: 'Count', exact: true }).click();
    await page.getByText(/^Events: [1-9]\d* from/).waitFor();
    await page.getByText('The same as a table').click();
    await page.getByRole('columnheader', { name: 'denied' }).waitFor();
    await story.look('counts over time');
  });

  test('the live tail shows what happens, keeps its place over a pause and a lost connection, and its token out of the address', async () => {
    const { page } = story;
    const asked: Request[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/v1/audit/stream')) asked.push(request);
    });
    await page.route(streams, (route) => route.fulfill({ status: 503, body: '' }), { times: 1 });
    await page.getByRole('link', { name: 'Live tail' }).click();
    await page.getByText('Connection lost: trying again').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const first = await create('seen-at-once');
    await rowOf(first, 'seen-at-once').waitFor();
    await page.getByText(/^\d+ new events?$/).waitFor({ state: 'attached' });
    await story.look('the live tail');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused', { exact: true }).waitFor();
    const second = await create('seen-after-the-pause');
    await page.getByRole('button', { name: 'Go on' }).click();
    await rowOf(second, 'seen-after-the-pause').waitFor();
    expect(await rowOf(second, 'seen-after-the-pause').count()).toBe(1);
    expect(await rowOf(first, 'seen-at-once').count()).toBe(1);
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map((request) => new URL(request.url()).search))).toEqual(new Set(['']));
    expect(await asked[2]?.headerValue('Authorization')).toMatch(/^Bearer /);
    expect(await asked[2]?.headerValue('Last-Event-ID')).toMatch(/^\d+$/);
    const left = page.waitForEvent('requestfailed', (request) => request === asked[2]);
    await page.getByRole('link', { name: 'To the search' }).click();
    await left;
  });

  test('an event is searched for, opened, its proof verified, the record counted and followed, by keyboard alone', async () => {
    const { page, keyboard, visitor } = story;
    const id = await createRecorded('found-by-keyboard');
    await story.open('/', 'Overview');
    await keyboard.leaveFor('Audit');
    await visitor.isAt('Audit');
    await keyboard.fill('Resource', id);
    await keyboard.select('Outcome', 'success');
    await keyboard.do('Search');
    await page.waitForURL(`**/console/audit?resource=${id}&outcome=success`);
    // The row stands in the list before it is narrowed, too: below the head it is the only one afterwards.
    await page.getByRole('row').nth(2).waitFor({ state: 'detached' });
    await rowOf(id, 'found-by-keyboard').waitFor();
    expect(await keyboard.focused()).toMatchObject({ name: 'Search' });
    await keyboard.do('Count');
    await page.getByText(/^Events: [1-9]\d* from/).waitFor();
    await keyboard.toRow(/service-account\.created/);
    await keyboard.press('Enter');
    await visitor.isAt('service-account.created');
    await page.getByText('found-by-keyboard').first().waitFor();
    await keyboard.do('Verify in this browser');
    await story.text('Verified').waitFor();
    await keyboard.do('What happened to this resource');
    await visitor.isAt('Audit');
    await keyboard.do('Live tail');
    await story.text('Live').waitFor();
    await keyboard.do('Pause');
    await story.text('Paused').waitFor();
    await keyboard.do('Go on');
    await story.text('Live').waitFor();
    await keyboard.do('To the search');
    await visitor.isAt('Audit');
  });
}

/** For one character and what stands behind it. */
const otherThan = (found: string, rest: string) => (found.startsWith('A') ? 'B' : 'A') + rest;

/** Answers of a route with one thing changed in them. */
const changed = (change: (body: Record<string, unknown>) => void) => async (route: Route) => {
  const response = await route.fetch();
  const body = (await response.json()) as Record<string, unknown>;
  change(body);
  await route.fulfill({ response, body: JSON.stringify(body) });
};
