import * as s3 from '@aws-sdk/client-s3';
import { afterAll, expect, test } from '@jest/globals';
import { copied, credential, leaveCredentials, leaveCredentialsByKeyboard } from './console-credentials.js';
import { type ConsoleStory } from './console-story.js';

/** Storage tokens, with an S3 client that says what each change of them does. Told in order: it is the life of one token. */
export function tellOfStorageTokens(story: ConsoleStory): void {
  const clients: s3.S3Client[] = [];
  afterAll(() => {
    for (const client of clients) client.destroy();
  });

  /** With the credentials that the page shows. Answers what came of writing into a bucket. */
  async function writer(): Promise<(bucket: string) => Promise<string>> {
    const client = new s3.S3Client({
      endpoint: await credential(story, 'S3 endpoint'),
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: {
        accessKeyId: await credential(story, 'Access key id'),
        secretAccessKey: await credential(story, 'Secret access key'),
      },
    });
    clients.push(client);
    await credential(story, 'Bearer token');
    return (bucket) =>
      client.send(new s3.PutObjectCommand({ Bucket: bucket, Key: 'a', Body: 'a' })).then(
        () => 'written',
        (error: unknown) => (error as Error).name,
      );
  }

  let write: (bucket: string) => Promise<string>;
  let before: typeof write;

  test('a storage token is made for two buckets, and used by an S3 client', async () => {
    const { page } = story;
    for (const name of ['reports', 'drafts']) await story.make('/v1/storage/buckets', { name });
    await story.open('/storage-tokens', 'Storage tokens');
    await story.see('Storage tokens');
    await story.link('Create a storage token').click();
    await story.visitor.isAt('Create a storage token');
    await story.fill('Name', 'Nightly backup');
    await story.choose('Object Read & Write');
    await story.choose('Specific buckets only');
    for (const name of ['reports', 'drafts']) await story.choose(name);
    await page.getByRole('button', { name: '90 days (suggested) Expires after' }).waitFor();
    await story.see('Create a storage token');
    await story.button('Create').click();
    await story.see('S3 credentials created');
    write = await writer();
    expect(await write('reports')).toBe('written');
    expect(await write('drafts')).toBe('written');
    await page.getByRole('tab', { name: 'aws' }).click();
    await page
      .getByText('aws s3 ls s3://drafts --profile nightly-backup')
      .or(page.getByText('aws s3 ls s3://reports --profile nightly-backup'))
      .waitFor();
    await leaveCredentials(story, 'Nightly backup');
    await story.see('Nightly backup');
  });

  test('it is edited: the bucket that is taken away is refused at once, the other is not', async () => {
    const { page } = story;
    await story.link('Edit').click();
    await story.see('Edit Nightly backup');
    await story.fill('Description', 'at two o’clock');
    await story.choose('drafts');
    await story.button('Save').click();
    await page.getByText(/^✓ In force on the one enforcer/).waitFor();
    expect([await write('drafts'), await write('reports')]).toEqual(['AccessDenied', 'written']);
    await story.link('To the storage token').click();
    await story.visitor.isAt('Nightly backup');
    await story.text('at two o’clock').waitFor();
    expect(await story.text('drafts').count()).toBe(0);
  });

  test('it is rotated with an overlap: both secrets write', async () => {
    before = write;
    await story.link('Rotate').click();
    await story.see('Rotate Nightly backup');
    await story.select('Overlap', '1 hour');
    await story.button('Rotate').click();
    await story.see('S3 credentials created');
    write = await writer();
    expect([await before('reports'), await write('reports')]).toEqual(['written', 'written']);
    await leaveCredentials(story, 'Nightly backup');
  });

  test('it is rotated without one: every secret of before is refused', async () => {
    const first = before;
    before = write;
    await story.link('Rotate').click();
    await story.visitor.isAt('Rotate Nightly backup');
    await story.select('Overlap', 'None: the old one is refused at once');
    await story.button('Rotate').click();
    await story.page.getByText(/✓ In force on the one enforcer after \d+ ms/).waitFor();
    write = await writer();
    expect([await first('reports'), await before('reports'), await write('reports')]).toEqual([
      'InvalidAccessKeyId',
      'InvalidAccessKeyId',
      'written',
    ]);
    await leaveCredentials(story, 'Nightly backup');
  });

  test('it is revoked in the list, and refused from then on', async () => {
    await story.link('Storage tokens').click();
    await story.visitor.isAt('Storage tokens');
    await story.act('Nightly backup', 'Revoke');
    await story.confirm('Revoke');
    expect(await write('reports')).toBe('InvalidAccessKeyId');
    await story.row('Nightly backup').getByText('revoked').waitFor();
  });

  test('every action by keyboard alone: created for a bucket, edited, rotated, revoked from the menu of the list', async () => {
    const { page, keyboard, visitor } = story;
    await story.make('/v1/storage/buckets', { name: 'typed-here' });
    await story.open('/storage-tokens', 'Storage tokens');
    await keyboard.do('Create a storage token');
    await visitor.isAt('Create a storage token');
    await keyboard.fill('Name', 'By hand');
    await keyboard.radio(/^Object Read only\b/, /^Object Read & Write\b/);
    await keyboard.radio(/^All buckets\b/, /^Specific buckets only/);
    await keyboard.check('typed-here');
    await keyboard.select('Expires after', '30 days');
    await keyboard.do('Create');
    await visitor.isAt('S3 credentials created');
    let put = await writer();
    expect(await put('typed-here')).toBe('written');
    await keyboard.do('Copy Secret access key');
    expect(await copied(story)).toBe(await credential(story, 'Secret access key'));
    await keyboard.to('curl');
    await keyboard.press('ArrowRight', 'ArrowRight');
    await page.getByText('Add to ~/.config/rclone/rclone.conf').waitFor();
    await leaveCredentialsByKeyboard(story, 'By hand');
    await page
      .getByText('in 30 days')
      .or(page.getByText(/^\d+ \w+ \d{4}$/))
      .first()
      .waitFor();
    await keyboard.do('Edit');
    await visitor.isAt('Edit By hand');
    await keyboard.fill('Description', 'at noon');
    await keyboard.submitFrom('Name');
    await keyboard.goOn('To the storage token');
    await visitor.isAt('By hand');
    await story.text('at noon').waitFor();
    await keyboard.do('Rotate');
    await visitor.isAt('Rotate By hand');
    await keyboard.select('Overlap', 'None: the old one is refused at once');
    await keyboard.do('Rotate');
    await visitor.isAt('S3 credentials created');
    const putBefore = put;
    put = await writer();
    expect([await putBefore('typed-here'), await put('typed-here')]).toEqual(['InvalidAccessKeyId', 'written']);
    await leaveCredentialsByKeyboard(story, 'By hand');
    await keyboard.leaveFor('Storage tokens');
    await visitor.isAt('Storage tokens');
    await keyboard.act('By hand', 'Revoke');
    await keyboard.confirm('Revoke');
    expect(await put('typed-here')).toBe('InvalidAccessKeyId');
    await story.row('By hand').getByText('revoked').waitFor();
  });
}
