import { expect, test } from '@jest/globals';
import { type ConsoleStory } from './console-story.js';

/** The lattice of roles, and what is said where there is nothing. */
export function tellOfRoles(story: ConsoleStory): void {
  test('the lattice of roles, by keyboard alone', async () => {
    const { page, keyboard } = story;
    await story.open('/', 'Overview');
    await keyboard.leaveFor('Roles');
    await story.see('Roles');
    const focused = (): Promise<string | null> =>
      page.evaluate<string | null>('document.activeElement.getAttribute("data-role")');
    await keyboard.press('Tab');
    while ((await focused()) === null) await keyboard.press('Tab');
    const top = await focused();
    await keyboard.press('ArrowDown');
    const below = await focused();
    expect(below).not.toBe(top);
    await keyboard.press('Enter');
    await page.waitForURL(({ pathname }) => pathname === `/console/roles/${encodeURIComponent(below ?? '')}`);
    await page.getByRole('heading', { name: 'Given to' }).waitFor();
    await story.see('Roles');
  });

  test('a record that is not there is said so, and an address that is none leads back', async () => {
    await story.open('/clients/cli_none', 'Client');
    await story.text('Not found').waitFor();
    await story.open('/no-such-screen', 'No such page');
    await story.look('no such page');
    await story.link('To the overview').click();
    await story.visitor.isAt('Overview');
  });
}
