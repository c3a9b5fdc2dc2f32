import * as s3 from '@aws-sdk/client-s3';
import { type Browser } from 'playwright-core';
import { findChromium, launch, Visitor } from './browser.js';
import { administrator, Client } from './client.js';
import { noteSecrets } from './secret-sweep.js';
import { type Stack, startStack } from './stack.js';

const executable = findChromium();
if (executable === undefined) test.skip('keys in the console: there is no Chromium on this machine', () => undefined);

/** API keys and storage tokens as people make, use, rotate and revoke them in a real browser. */
(executable === undefined ? describe.skip : describe)('keys in the console', () => {
  let stack: Stack;
  let browser: Browser;
  let visitor: Visitor;
  /** What the page has shown of a key. */
  let bearer: string;

  beforeAll(async () => {
    stack = await startStack();
    browser = await launch(executable as string);
    visitor = await Visitor.at(stack.url, browser);
    await visitor.goTo('/api-keys');
    await visitor.signIn(stack.email, stack.password);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    expect(await stack?.stop()).toBe(0);
    stack?.remove();
  }, 120_000);
  afterEach(() => expect(visitor.faults.splice(0)).toEqual([]));

  /** Waits for a screen and looks for barriers in it. */
  async function see(heading: string | RegExp): Promise<void> {
    await visitor.isAt(heading);
    expect(await visitor.barriers()).toEqual([]);
  }

  /** A value on a page of credentials. */
  async function shown(label: string): Promise<string> {
    const line = visitor.page.locator('dt').filter({ hasText: new RegExp(`^${label}$`) });
    return line.locator('xpath=following-sibling::dd[1]').locator('code').innerText();
  }

  async function noteShown(field: 'bearer_token' | 'secret_access_key', label: string): Promise<string> {
    const secret = await shown(label);
    noteSecrets({ [field]: secret });
    return secret;
  }

  const answerTo = async (token: string): Promise<number> =>
    (await new Client(stack.url, token).get('/v1/whoami')).status;

  /** All that the page holds: what is on it, what it keeps, where it was, and the live heap of its scripts. */
  async function memory(): Promise<string> {
    const devtools = await visitor.page.context().newCDPSession(visitor.page);
    const chunks: string[] = [await visitor.page.content()];
    chunks.push(await visitor.page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])'));
    chunks.push(await visitor.page.evaluate<string>('JSON.stringify([history.state, location.href])'));
    devtools.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => void chunks.push(chunk));
    await devtools.send('HeapProfiler.collectGarbage');
    await devtools.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    await devtools.detach();
    return chunks.join('');
  }

  const tabTo = (name: string): Promise<void> => visitor.tabTo(name);

  test('a key is made by mouse, its secret is shown once and opens the gateway', async () => {
    const { page } = visitor;
    await see('API keys');
    await page.getByRole('link', { name: 'Create an API key' }).first().click();
    await see('Create an API key');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('must not be empty').first().waitFor();
    await page.getByLabel('Name', { exact: true }).fill('CI');
    await page
      .getByRole('checkbox', { name: /^Read\b/ })
      .first()
      .click({ force: true });
    await page.getByRole('button', { name: 'Create' }).click();
    await see('Credentials created');
    bearer = await noteShown('bearer_token', 'Bearer token');
    expect(await answerTo(bearer)).toBe(200);
    await page.getByText(`curl --config ci.curl ${stack.url}/v1/whoami`).waitFor();
  }, 180_000);

  test('the page of secrets is not left by accident, and once it is left the secret is nowhere in the browser', async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Clients' }).click();
    await page.getByRole('heading', { name: 'Leave without the credentials?' }).waitFor();
    expect(await visitor.barriers()).toEqual([]);
    await page.getByRole('button', { name: 'Stay' }).click();
    expect(await shown('Bearer token')).toBe(bearer);
    expect((await memory()).includes(bearer)).toBe(true);
    await page.getByText('I have put them where they belong').click();
    await page.getByRole('button', { name: 'Done' }).click();
    await see('CI');
    expect((await memory()).includes(bearer)).toBe(false);
    await page.goBack();
    await visitor.isAt('Create an API key');
    await page.goForward();
    await visitor.isAt('CI');
  }, 180_000);

  test('it is rotated by keyboard alone: the old secret is refused, the new one opens', async () => {
    const { page } = visitor;
    await tabTo('Rotate');
    await page.keyboard.press('Enter');
    await see('Rotate CI');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: '1 day' }).waitFor();
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: '1 day' }).waitFor({ state: 'hidden' });
    await tabTo('Rotate');
    await page.keyboard.press('Enter');
    await see('Credentials created');
    await page.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    const old = bearer;
    bearer = await noteShown('bearer_token', 'Bearer token');
    expect([await answerTo(old), await answerTo(bearer)]).toEqual([401, 200]);
    await tabTo('Copy Bearer token');
    await tabTo('I have put them where they belong, such as a secret manager');
    await page.keyboard.press('Space');
    await tabTo('Done');
    await page.keyboard.press('Enter');
    await see('CI');
  }, 180_000);

  test('its name and networks are edited, and what it asked for is told', async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Edit' }).click();
    await see('Edit CI');
    await page.getByLabel('Name', { exact: true }).fill('CI of settlement');
    const networks = page.getByRole('textbox', { name: 'Networks' });
    await networks.fill('127.0.0.0/99');
    await page.getByRole('button', { name: 'Save' }).click();
    await page
      .getByText(/^"127\.0\.0\.0\/99"/)
      .first()
      .waitFor();
    expect(await visitor.barriers()).toEqual([]);
    await networks.fill('127.0.0.0/8, ::1');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^✓ In force/).waitFor();
    await page.getByRole('link', { name: 'To the API key' }).click();
    await visitor.isAt('CI of settlement');
    for (const network of ['127.0.0.0/8', '::1/128']) await page.getByText(network, { exact: true }).waitFor();
    expect(await answerTo(bearer)).toBe(200);
  }, 180_000);

  test('it is revoked with the receipt, and refused from then on', async () => {
    const { page } = visitor;
    await page.getByRole('button', { name: 'Revoke' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await dialog.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    expect(await answerTo(bearer)).toBe(401);
    expect(await visitor.barriers()).toEqual([]);
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByText('revoked', { exact: true }).waitFor();
    await visitor.goTo('/api-keys?status=revoked');
    await see('API keys');
    await page.getByRole('row', { name: /CI of settlement/ }).waitFor();
  }, 180_000);

  test('a text in which it stands finds it again, and is forgotten', async () => {
    const { page } = visitor;
    await page.getByRole('link', { name: 'Find leaked keys' }).click();
    await visitor.isAt('Find leaked keys');
    await page.getByLabel('Text').fill(`2026-11-29 GET /v1/whoami Authorization: Bearer ${bearer}`);
    await page.getByRole('button', { name: 'Find', exact: true }).click();
    await page.getByRole('row', { name: 'CI of settlement' }).getByText('was dead already').waitFor();
    expect(await page.getByLabel('Text').inputValue()).toBe('');
    await see('Find leaked keys');
  }, 180_000);

  test('a storage token is made for one bucket, used by an S3 client, and revoked in the list', async () => {
    const { page } = visitor;
    const admin = await administrator(stack);
    expect((await admin.post('/v1/storage/buckets', { name: 'reports' })).status).toBe(201);
    await page.getByRole('link', { name: 'Storage tokens' }).click();
    await see('Storage tokens');
    await page.getByRole('link', { name: 'Create a storage token' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('Nightly backup');
    await page.getByText('Object Read & Write').click();
    await page.getByText('Specific buckets only').click();
    await page.getByText('reports', { exact: true }).click();
    await see('Create a storage token');
    await page.getByRole('button', { name: 'Create' }).click();
    await see('S3 credentials created');
    noteSecrets({ bearer_token: await shown('Bearer token') });
    const client = new s3.S3Client({
      endpoint: await shown('S3 endpoint'),
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: {
        accessKeyId: await shown('Access key id'),
        secretAccessKey: await noteShown('secret_access_key', 'Secret access key'),
      },
    });
    const put = () => client.send(new s3.PutObjectCommand({ Bucket: 'reports', Key: 'a', Body: 'a' }));
    await put();
    await page.getByRole('tab', { name: 'aws' }).click();
    await page.getByText('aws s3 ls s3://reports --profile nightly-backup').waitFor();
    await page.getByText('I have put them where they belong').click();
    await page.getByRole('button', { name: 'Done' }).click();
    await see('Nightly backup');
    await page.getByRole('link', { name: 'Storage tokens' }).click();
    await visitor.isAt('Storage tokens');
    await page.getByRole('button', { name: 'Actions of Nightly backup' }).click();
    await page.getByRole('menuitem', { name: 'Revoke' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await dialog.getByText(/In force on the one enforcer after \d+ ms/).waitFor();
    await expect(put()).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
    client.destroy();
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByRole('row', { name: 'Nightly backup' }).getByText('revoked').waitFor();
  }, 180_000);
});
