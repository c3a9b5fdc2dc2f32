import { expect, test } from '@jest/globals';
import { Client } from './client.js';
import { type ConsoleStory } from './console-story.js';
import { notePassword } from './secret-sweep.js';

/** People: added, let in, shut out. */
export function tellOfPeople(story: ConsoleStory): void {
  const aPassword = (password: string): string => {
    notePassword({ password });
    return password;
  };

  test('a person is added, sees what they may see, and is shut out while they look', async () => {
    const { page, visitor } = story;
    const password = aPassword('a long enough password of Ann');
    await story.open('/people', 'People');
    await story.see('People');
    await story.link('Add a person').click();
    await visitor.isAt('Add a person');
    await story.fill('E-mail', 'ann@example.com');
    await story.choose('Set a password now');
    await story.fill('Password', password);
    await story.choose('observer');
    await story.see('Add a person');
    await story.button('Add').click();
    await story.see('ann@example.com is a member');

    const ann = await story.visit({ colorScheme: 'dark', viewport: { width: 390, height: 844 } });
    await ann.goTo('/people');
    await ann.signIn('ann@example.com', password);
    await ann.isAt('People');
    await story.look('people, dark and narrow', ann);
    expect(await ann.page.getByRole('link', { name: 'Add a person' }).count()).toBe(0);
    expect(await ann.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    // What is not offered can still be asked for by its address: the server refuses it.
    await ann.goTo('/people/new');
    await ann.isAt('Add a person');
    await ann.page.getByLabel('E-mail').fill('bob@example.com');
    await ann.page.getByRole('button', { name: 'Invite' }).click();
    await ann.page.getByText('Not allowed', { exact: true }).waitFor();

    await story.link('To the person').click();
    await story.see('ann@example.com');
    await story.change('Disable');
    await story.text('disabled').waitFor();
    await ann.page.reload();
    await ann.isAt('Sign in to Portcullis');
    await ann.close();
    await story.change('Enable');
    await story.text('active').waitFor();
    await story.change('Remove');
    await visitor.isAt('People');
    expect(await story.row('ann@example.com').count()).toBe(0);
    expect(await page.getByRole('row', { name: story.stack.email }).count()).toBe(1);
  });

  test('a person is added with a password, given another role, disabled, enabled and removed, by keyboard alone', async () => {
    const { keyboard, visitor } = story;
    const email = 'kim@example.com';
    const password = aPassword('a long enough password of Kim');
    const signIn = async () => (await new Client(story.stack.url).post('/v1/login', { email, password })).status;
    await story.open('/', 'Overview');
    await keyboard.leaveFor('People');
    await visitor.isAt('People');
    await keyboard.do('Add a person');
    await visitor.isAt('Add a person');
    await keyboard.fill('E-mail', email);
    await keyboard.radio(/^Invite\b/, /^Set a password now\b/);
    await keyboard.fill('Password', password);
    await keyboard.check(/^Observer observer\b/);
    await keyboard.submitFrom('Password');
    await visitor.isAt(`${email} is a member`);
    expect(await signIn()).toBe(200);
    await keyboard.do('To the person');
    await visitor.isAt(email);
    await keyboard.do('Edit');
    await visitor.isAt(`Edit ${email}`);
    await keyboard.fill('Name', 'Kim');
    await keyboard.check(/^Compliance compliance\b/);
    await keyboard.submitFrom('Name');
    await keyboard.goOn('To the person');
    await visitor.isAt('Kim');
    await story.text('compliance').waitFor();
    await keyboard.do('Disable');
    await keyboard.confirm('Disable');
    await story.text('disabled').waitFor();
    expect(await signIn()).not.toBe(200);
    await keyboard.do('Enable');
    await keyboard.confirm('Enable');
    await story.text('active').waitFor();
    expect(await signIn()).toBe(200);
    await keyboard.leaveFor('People');
    await visitor.isAt('People');
    await keyboard.act(email, 'Remove');
    await keyboard.confirm('Remove');
    await story.row(email).waitFor({ state: 'detached' });
  });
}
