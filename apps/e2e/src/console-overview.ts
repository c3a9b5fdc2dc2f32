import { expect, test } from '@jest/globals';
import { eventually } from '@portcullis/testing';
import { Backstage } from './backstage.js';
import { Client } from './client.js';
import { type ConsoleStory } from './console-story.js';

/** What needs somebody's eye. The overview of an installation in which nothing is yet is told with the organizations. */
export function tellOfOverview(story: ConsoleStory): void {
  test('keys that end soon, keys that lie unused, denials, the health of the stack and its policy', async () => {
    const { page, stack } = story;
    const make = (name: string, expires_in_days: number) =>
      story.make<{ id: string; credentials: { bearer_token: string } }>('/v1/api-keys', {
        ...{ name, permissions: ['policy:view'], expires_in_days },
      });
    await make('ends soon', 3);
    const old = await make('lies about', 365);
    const used = await make('as old, and used', 365);
    const backstage = new Backstage(stack);
    for (const { id } of [old, used])
      await backstage.query(`update api_key.api_key set created_at = now() - interval '91 days' where id = '${id}'`);
    expect(await story.answerTo(used.credentials.bearer_token)).toBe(200);
    expect((await new Client(stack.url, 'ptc_nobodys').get('/v1/whoami')).status).toBe(401);
    await eventually(async () => {
      const denied = await story.admin.get('/v1/audit/events?outcome=denied');
      const key = await story.admin.get(`/v1/api-keys/${used.id}`);
      return (denied.json as { items: object[] }).items.length > 0 && key.json.last_used_at !== null;
    });

    await story.open('/', 'Overview');
    const card = (title: string) =>
      page.locator('section').filter({ has: page.getByRole('heading', { level: 2, name: title, exact: true }) });
    const linksOf = async (title: string) => {
      await card(title).getByRole('link').first().waitFor();
      return card(title).getByRole('link').allInnerTexts();
    };
    expect(await linksOf('Keys that expire within 14 days')).toContain('ends soon');
    expect(await linksOf('Keys unused for 90 days')).toEqual(['lies about', 'To these keys']);
    await card('Keys unused for 90 days').getByText('last used never').waitFor();
    await card('Denials in 24 hours')
      .getByText(/^Denials: [1-9]\d* from/)
      .waitFor();
    await card('Health of the stack').getByText('Ready: the gateway can decide').waitFor();
    await card('Health of the stack').getByText('intact').waitFor();
    await card('Policy in force').getByText('One policy everywhere').waitFor();
    expect(await page.getByRole('heading', { name: 'First steps' }).count()).toBe(0);
    await story.see('Overview');

    await card('Keys unused for 90 days').getByRole('link', { name: 'To these keys' }).click();
    await story.visitor.isAt('API keys');
    await story.row('lies about').waitFor();
    expect(await page.getByRole('row').count()).toBe(2);
  });
}
