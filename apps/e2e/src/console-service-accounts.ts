import { expect, test } from '@jest/globals';
import { type ConsoleStory } from './console-story.js';

/** Service accounts from creation to deletion; what they do to their keys is told with the keys. */
export function tellOfServiceAccounts(story: ConsoleStory): void {
  test('a service account is created, edited, disabled, enabled and deleted by mouse', async () => {
    await story.open('/service-accounts', 'Service accounts');
    await story.see('Service accounts');
    await story.link('Create a service account').click();
    await story.visitor.isAt('Create a service account');
    await story.fill('Name', 'Reconciliation');
    await story.choose('observer');
    await story.see('Create a service account');
    await story.button('Create').click();
    await story.see('Reconciliation');
    await story.link('Edit').click();
    await story.see('Edit Reconciliation');
    await story.fill('Description', 'Compares what is with what was said');
    await story.button('Save').click();
    await story.link('To the service account').click();
    await story.text('Compares what is with what was said').waitFor();
    await story.change('Disable');
    await story.text('disabled').waitFor();
    await story.change('Enable');
    await story.text('active').waitFor();
    await story.change('Delete');
    await story.text('deleted').waitFor();
    expect(await story.link('Edit').count()).toBe(0);
  });

  test('the same by keyboard alone, the deletion from the menu of the list', async () => {
    const { keyboard, visitor } = story;
    await story.open('/', 'Overview');
    await keyboard.leaveFor('Service accounts');
    await visitor.isAt('Service accounts');
    await keyboard.do('Create a service account');
    await visitor.isAt('Create a service account');
    await keyboard.fill('Name', 'Sweeper');
    await keyboard.check(/^Observer observer\b/);
    await keyboard.submitFrom('Name');
    await visitor.isAt('Sweeper');
    await keyboard.do('Edit');
    await visitor.isAt('Edit Sweeper');
    await keyboard.fill('Name', 'Sweeper of the floor');
    // Narrowed to one, the way past them is short.
    await keyboard.fill('Search: Single permissions', 'counterparties:view');
    await keyboard.check(/\bcounterparties:view$/);
    await keyboard.do('Save');
    await keyboard.goOn('To the service account');
    await visitor.isAt('Sweeper of the floor');
    await story.text('counterparties:view').waitFor();
    await keyboard.do('Disable');
    await keyboard.confirm('Disable');
    await story.text('disabled').waitFor();
    await keyboard.do('Enable');
    await keyboard.confirm('Enable');
    await story.text('active').waitFor();
    await keyboard.leaveFor('Service accounts');
    await visitor.isAt('Service accounts');
    await keyboard.act('Sweeper of the floor', 'Delete');
    await keyboard.confirm('Delete');
    await story.row('Sweeper of the floor').waitFor({ state: 'detached' });
    await keyboard.select('Status', 'Deleted');
    await story.row('Sweeper of the floor').getByText('deleted').waitFor();
  });
}
