import { expect, test } from '@jest/globals';
import { type ConsoleStory } from './console-story.js';

/** Organizations. From the first of these on whoever loads a page is asked which one, so every story comes in by `open`. */
export function tellOfOrganizations(story: ConsoleStory): void {
  test('an organization is created, suspended, resumed, and acted in: what is there is not of the first', async () => {
    const { page, visitor } = story;
    await story.make('/v1/service-accounts', { name: 'of the first' });
    await story.open('/organizations', 'Organizations');
    await story.see('Organizations');
    await story.link('Create an organization').click();
    await story.see('Create an organization');
    await story.fill('Name', 'Subsidiary');
    await story.button('Create').click();
    await story.see('Subsidiary');
    await story.change('Suspend');
    await story.text('suspended').waitFor();
    await story.change('Resume');
    await story.text('active').waitFor();

    await page.reload();
    await story.see('Which organization?');
    await story.button('Act in Subsidiary').click();
    await story.visitor.isAt('Subsidiary');
    await story.link('Overview').click();
    await visitor.isAt('Overview');
    await page.getByRole('heading', { level: 2, name: 'First steps' }).waitFor();
    await story.look('the overview of an empty organization');
    await story.link('Create a service account').click();
    await story.link('Service accounts').click();
    await page.getByText('No service account yet').waitFor();
    await story.button('Change organization').click();
    await story.button('Act in Default').click();
    await visitor.isAt('Overview');
    await story.link('Service accounts').click();
    await story.row('of the first').waitFor();
  });

  test('created, renamed, suspended and resumed by keyboard alone', async () => {
    const { keyboard, visitor } = story;
    await story.open('/', 'Overview');
    await keyboard.leaveFor('Organizations');
    await visitor.isAt('Organizations');
    await keyboard.do('Create an organization');
    await visitor.isAt('Create an organization');
    await keyboard.fill('Name', 'Branch');
    await keyboard.do('Create');
    await visitor.isAt('Branch');
    await keyboard.do('Edit');
    await visitor.isAt('Edit Branch');
    await keyboard.fill('Name', 'Branch office');
    await keyboard.do('Save');
    await visitor.isAt('Branch office');
    await keyboard.do('Suspend');
    await keyboard.confirm('Suspend');
    await story.text('suspended').waitFor();
    await keyboard.leaveFor('Organizations');
    await visitor.isAt('Organizations');
    await keyboard.act('Branch office', 'Resume');
    await keyboard.confirm('Resume');
    await story.row('Branch office').getByText('active').waitFor();
    expect(await story.row('Branch office').getByText('suspended').count()).toBe(0);
  });
}
