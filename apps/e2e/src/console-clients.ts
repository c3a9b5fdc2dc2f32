import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { type ConsoleStory } from './console-story.js';
import { runNode } from './written-program.js';

function keyPair(): { publicPem: string; privatePem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

/** Of a client's detail panel and of the list, as the document of the screens has them. */
const documentedFields = [
  ...['ID', 'Account Id', 'Client Id', 'Enabled', 'Name', 'Public Key', 'Role Count', 'Network Whitelist', 'Roles'],
];
const documentedColumns = ['Client Id', 'Id', 'Name', 'Actions'];

/** Machines that sign: the screens of clients, with every action that they offer. */
export function tellOfClients(story: ConsoleStory): void {
  test('a client is created, and the program on its page gets in with its key', async () => {
    const { page } = story;
    const { publicPem, privatePem } = keyPair();
    await story.open('/clients', 'Clients');
    await story.see('Clients');
    await story.link('Create a client').click();
    await story.visitor.isAt('Create a client');
    await story.fill('Name', 'Settlement');
    await story.fill('Public key', publicPem);
    await story.choose('layer1:role:payment:viewer');
    await story.see('Create a client');
    await story.button('Add').click();
    await story.see('Settlement');
    await page.getByText('1 of 15').waitFor();
    expect(await page.locator('dt').allInnerTexts()).toEqual(expect.arrayContaining(documentedFields));
    await page.getByRole('tab', { name: 'openid-client' }).click();
    const program = await page.getByLabel('Save as client.mjs', { exact: true }).innerText();
    const run = () => runNode({ 'private-key.pem': privatePem, 'client.mjs': program }, ['client.mjs']);
    expect(await run()).toMatch(/kind: 'client'[^]*roles: \[ 'layer1:role:payment:viewer' \]/);

    await story.change('Disable');
    await story.text('disabled').waitFor();
    await expect(run()).rejects.toThrow('status: 401');
    await story.change('Enable');
    await story.text('active').waitFor();
    expect(await run()).toContain(`kind: 'client'`);

    await story.button('Rotate key').click();
    await story.fill('New public key', keyPair().publicPem);
    await story.select('Overlap', 'None: the old one is refused at once');
    await story.confirm('Rotate');
    await expect(run()).rejects.toThrow('status: 401');
  });

  test('it is edited, found in the list, and deleted from there', async () => {
    await story.make('/v1/clients', { name: 'Payouts', public_key: keyPair().publicPem, roles: ['read'] });
    await story.open('/clients?q=payouts', 'Clients');
    expect(await story.page.getByRole('columnheader').allInnerTexts()).toEqual(
      expect.arrayContaining(documentedColumns),
    );
    await story.act('Payouts', 'View');
    await story.visitor.isAt('Payouts');
    await story.link('Edit').click();
    await story.see('Edit Payouts');
    await story.fill('Name', 'Payouts of the north');
    await story.button('Save').click();
    await story.link('To the client').click();
    await story.visitor.isAt('Payouts of the north');
    await story.link('Clients').click();
    await story.visitor.isAt('Clients');
    await story.act('Payouts of the north', 'Delete');
    await story.confirm('Delete');
    await story.row('Payouts of the north').getByText('revoked').waitFor();
  });

  test('every action by keyboard alone: provisioned, enabled, disabled, rotated, edited, deleted from the list, opened', async () => {
    const { page, keyboard } = story;
    await story.open('/clients', 'Clients');
    await keyboard.do('Create a client');
    await story.visitor.isAt('Create a client');
    await keyboard.fill('Name', 'Reporting');
    await keyboard.fill('Public key', keyPair().publicPem);
    await keyboard.check(/^layer1:role:payment:viewer\b/);
    await keyboard.check('Enabled');
    await keyboard.do('Add');
    await story.visitor.isAt('Reporting');
    await story.text('disabled').waitFor();
    await keyboard.do('Enable');
    await keyboard.confirm('Enable');
    await story.text('active').waitFor();
    await keyboard.do('Disable');
    await keyboard.confirm('Disable');
    await story.text('disabled').waitFor();
    // The button has become another, and still has the focus.
    expect(await keyboard.focused()).toMatchObject({ name: 'Enable' });
    await keyboard.press('Enter');
    await keyboard.confirm('Enable');
    await story.text('active').waitFor();
    await keyboard.do('Rotate key');
    await page.getByRole('dialog').waitFor();
    expect(await keyboard.focused()).toMatchObject({ name: 'New public key' });
    await page.keyboard.insertText(keyPair().publicPem);
    await keyboard.select('Overlap', '1 hour');
    await keyboard.confirm('Rotate');
    await page.getByText('in 60 minutes').or(page.getByText('in 1 hour')).first().waitFor();
    await keyboard.do('Edit');
    await story.visitor.isAt('Edit Reporting');
    await keyboard.fill('Network whitelist', '203.0.113.7');
    await keyboard.press('Enter');
    await keyboard.do('Remove 0.0.0.0/0');
    await keyboard.do('Remove ::/0');
    await keyboard.do('Save');
    await keyboard.goOn('To the client');
    await story.visitor.isAt('Reporting');
    await story.text('203.0.113.7/32').waitFor();
    expect(await page.getByText('0.0.0.0/0').count()).toBe(0);
    await keyboard.leaveFor('Clients');
    await story.visitor.isAt('Clients');
    await keyboard.act('Reporting', 'Delete');
    await keyboard.confirm('Delete');
    await story.row('Reporting').getByText('revoked').waitFor();
    await keyboard.toRow('Reporting');
    await keyboard.press('Enter');
    await story.visitor.isAt('Reporting');
  });
}
