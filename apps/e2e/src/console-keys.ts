import { expect, test } from '@jest/globals';
import { copied, credential, leaveCredentials, leaveCredentialsByKeyboard } from './console-credentials.js';
import { type ConsoleStory } from './console-story.js';
import { runNode } from './written-program.js';

/** API keys as people make, use, rotate, stop and revoke them. Told in order: it is the life of one key, and then of others. */
export function tellOfKeys(story: ConsoleStory): void {
  /** What the page has shown of the key. */
  let bearer: string;

  test('a key is made by mouse, its secret is shown once and opens the gateway', async () => {
    const { page } = story;
    await story.open('/api-keys', 'API keys');
    await story.link('Create an API key').click();
    await story.visitor.isAt('Create an API key');
    await story.button('Create').click();
    await page.getByText('must not be empty').first().waitFor();
    await story.fill('Name', 'CI');
    await checkRole(story, /^Read\b/);
    await story.button('Create').click();
    await story.visitor.isAt('Credentials created');
    bearer = await credential(story, 'Bearer token');
    expect(await story.answerTo(bearer)).toBe(200);
    await story.button('Copy Bearer token').click();
    expect(await copied(story)).toBe(bearer);
    await page.getByText(`curl --config ci.curl ${story.stack.url}/v1/whoami`).waitFor();
  });

  test('the page of secrets is not left by accident, and once it is left the secret is nowhere in the browser', async () => {
    const { page, visitor } = story;
    await story.link('Clients').click();
    await page.getByRole('heading', { name: 'Leave without the credentials?' }).waitFor();
    await story.button('Stay').click();
    expect(await credential(story, 'Bearer token')).toBe(bearer);
    expect((await memory(story)).includes(bearer)).toBe(true);
    await leaveCredentials(story, 'CI');
    expect((await memory(story)).includes(bearer)).toBe(false);
    await page.goBack();
    await visitor.isAt('Create an API key');
    await page.goForward();
    await visitor.isAt('CI');
  });

  test('it is rotated by keyboard alone: the old secret is refused, the new one opens', async () => {
    const { page, keyboard } = story;
    await keyboard.do('Rotate');
    await story.see('Rotate CI');
    await keyboard.select('Overlap', 'None: the old one is refused at once');
    await keyboard.do('Rotate');
    await story.visitor.isAt('Credentials created');
    await page.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    const old = bearer;
    bearer = await credential(story, 'Bearer token');
    expect([await story.answerTo(old), await story.answerTo(bearer)]).toEqual([401, 200]);
    await keyboard.to('Copy Bearer token');
    await leaveCredentialsByKeyboard(story, 'CI');
  });

  test('its name and networks are edited', async () => {
    const { page } = story;
    await story.link('Edit').click();
    await story.see('Edit CI');
    await story.fill('Name', 'CI of settlement');
    const networks = page.getByRole('textbox', { name: 'Networks' });
    await networks.fill('127.0.0.0/99');
    await story.button('Save').click();
    await page
      .getByText(/^"127\.0\.0\.0\/99"/)
      .first()
      .waitFor();
    await story.look('a refused edit of a key');
    await networks.fill('127.0.0.0/8, ::1');
    await story.button('Save').click();
    await page.getByText(/^✓ In force/).waitFor();
    await story.link('To the API key').click();
    await story.see('CI of settlement');
    for (const network of ['127.0.0.0/8', '::1/128']) await story.text(network).waitFor();
    expect(await story.answerTo(bearer)).toBe(200);
  });

  test('while it is disabled it is refused; enabled it opens again', async () => {
    await story.change('Disable');
    expect(await story.answerTo(bearer)).toBe(401);
    await story.text('disabled').waitFor();
    await story.change('Enable');
    expect(await story.answerTo(bearer)).toBe(200);
    await story.text('active').waitFor();
  });

  test('it is revoked with the receipt, and refused from then on', async () => {
    await story.change('Revoke');
    expect(await story.answerTo(bearer)).toBe(401);
    await story.text('revoked').waitFor();
    expect(await story.link('Edit').count()).toBe(0);
    await story.link('API keys').click();
    await story.visitor.isAt('API keys');
    await story.look('list of API keys');
    await story.select('Status', 'Revoked');
    await story.row('CI of settlement').waitFor();
  });

  test('a text in which it stands finds it again, and is forgotten', async () => {
    const { page } = story;
    await findIn(story, `2026-11-29 GET /v1/whoami Authorization: Bearer ${bearer}`);
    await story.row('CI of settlement').getByText('was dead already').waitFor();
    expect(await page.getByLabel('Text').inputValue()).toBe('');
    await story.look('found keys');
  });

  test('a live key that leaked is found, and revoked where it was found', async () => {
    const leaked = await makeKey(story, 'leaked to a chat');
    const kept = await makeKey(story, 'not leaked');
    await findIn(story, `look, it works: curl -H "Authorization: Bearer ${leaked}"`);
    const row = story.row('leaked to a chat');
    await row.getByText('was good').waitFor();
    await row.getByText('active', { exact: true }).waitFor();
    expect(await story.row('not leaked').count()).toBe(0);
    await story.act('leaked to a chat', 'Revoke');
    await story.confirm('Revoke');
    await row.getByText('revoked', { exact: true }).waitFor();
    expect([await story.answerTo(leaked), await story.answerTo(kept)]).toEqual([401, 200]);
  });

  test('all that leaked are revoked as they are found, by keyboard alone', async () => {
    const { page, keyboard } = story;
    const leaked = [await makeKey(story, 'leaked first'), await makeKey(story, 'leaked second')];
    await keyboard.leaveFor('API keys');
    await story.visitor.isAt('API keys');
    await keyboard.do('Find leaked keys');
    await story.visitor.isAt('Find leaked keys');
    await keyboard.fill('Text', leaked.join('\n'));
    await keyboard.check('Revoke whatever is found, at once and for good');
    await keyboard.do('Find and revoke');
    await page.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    for (const name of ['leaked first', 'leaked second']) await story.row(name).getByText('revoked').waitFor();
    expect(await Promise.all(leaked.map((token) => story.answerTo(token)))).toEqual([401, 401]);
  });

  test('a key of a service account is made from the account’s page, and the program beside it acts as the account', async () => {
    const { page } = story;
    const { id } = await story.make('/v1/service-accounts', { name: 'Ledger', roles: ['read'] });
    await story.open(`/service-accounts/${id}`, 'Ledger');
    await story.link('Its API keys').click();
    await story.visitor.isAt('API keys');
    await page.getByText('No API key is like that').waitFor();
    await story.link('Create an API key').click();
    await page.getByRole('button', { name: /^Ledger \(service account\)/ }).waitFor();
    await story.fill('Name', 'Ledger in production');
    await story.choose('Bearer token');
    await story.choose('Client id and secret');
    await checkRole(story, /^Read\b/);
    await story.see('Create an API key');
    await story.button('Create').click();
    await story.see('Credentials created');
    await credential(story, 'Client secret');
    const text = (file: string) => page.getByLabel(new RegExp(`^Save as ${file}`)).innerText();
    const name = 'ledger-in-production';
    const files = { [`${name}.env`]: await text(`${name}.env`), [`${name}.mjs`]: await text(`${name}.mjs`) };
    const run = () => runNode(files, [`--env-file=${name}.env`, `${name}.mjs`]);
    expect(await run()).toContain(id);
    await leaveCredentials(story, 'Ledger in production');
    await story.link('Ledger').click();
    await story.visitor.isAt('Ledger');
    await story.change('Disable');
    await expect(run()).rejects.toThrow('status: 401');
  });

  test('every action by keyboard alone: created for a service account, disabled, enabled and edited, revoked from the list', async () => {
    const { keyboard } = story;
    await story.make('/v1/service-accounts', { name: 'Typist', roles: ['read'] });
    await story.open('/api-keys', 'API keys');
    await keyboard.do('Create an API key');
    await story.visitor.isAt('Create an API key');
    await keyboard.fill('Name', 'typed');
    await keyboard.select('Owner', 'Typist (service account)');
    await keyboard.check(/^Read read\b/);
    await keyboard.submitFrom('Name');
    await story.visitor.isAt('Credentials created');
    const token = await credential(story, 'Bearer token');
    expect(await story.answerTo(token)).toBe(200);
    await leaveCredentialsByKeyboard(story, 'typed');
    await story.link('Typist').waitFor();
    await keyboard.do('Disable');
    await keyboard.confirm('Disable');
    expect(await story.answerTo(token)).toBe(401);
    await keyboard.do('Enable');
    await keyboard.confirm('Enable');
    expect(await story.answerTo(token)).toBe(200);
    await keyboard.do('Edit');
    await story.visitor.isAt('Edit typed');
    await keyboard.fill('Description', 'by hand');
    await keyboard.submitFrom('Name');
    await keyboard.goOn('To the API key');
    await story.visitor.isAt('typed');
    await story.text('by hand').waitFor();
    await keyboard.leaveFor('API keys');
    await story.visitor.isAt('API keys');
    await keyboard.act('typed', 'Revoke');
    await keyboard.confirm('Revoke');
    await story.row('typed').getByText('revoked').waitFor();
    expect(await story.answerTo(token)).toBe(401);
  });
}

/** The box itself is not what is seen. */
const checkRole = ({ page }: ConsoleStory, name: RegExp): Promise<void> =>
  page.getByRole('checkbox', { name }).first().click({ force: true });

async function findIn(story: ConsoleStory, text: string): Promise<void> {
  await story.link('API keys').click();
  await story.visitor.isAt('API keys');
  await story.link('Find leaked keys').click();
  await story.see('Find leaked keys');
  await story.fill('Text', text);
  await story.button('Find').click();
}

async function makeKey(story: ConsoleStory, name: string): Promise<string> {
  const made = await story.make<{ credentials: { bearer_token: string } }>('/v1/api-keys', { name, roles: ['read'] });
  return made.credentials.bearer_token;
}

/**
 * All that the page holds: what is on it, what it keeps, where it was, and the live heap of its scripts, which is several times as large
 * and slow to take once axe has looked at the page.
 */
async function memory({ page }: ConsoleStory): Promise<string> {
  const devtools = await page.context().newCDPSession(page);
  const chunks: string[] = [await page.content()];
  chunks.push(await page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])'));
  chunks.push(await page.evaluate<string>('JSON.stringify([history.state, location.href])'));
  devtools.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => void chunks.push(chunk));
  await devtools.send('HeapProfiler.collectGarbage');
  await devtools.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  await devtools.detach();
  return chunks.join('');
}
