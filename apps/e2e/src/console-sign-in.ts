import { expect, test } from '@jest/globals';
import { type ConsoleStory } from './console-story.js';

/** Who gets in and how they get out, each in a browser of their own. */
export function tellOfSignIn(story: ConsoleStory): void {
  test('a wrong password is refused in words, a right one opens the overview', async () => {
    const visitor = await story.visit();
    await visitor.goTo('/');
    await story.see('Sign in to Portcullis', visitor);
    await visitor.signIn(story.stack.email, 'not the password');
    await visitor.page.getByText('E-mail or password is wrong').waitFor();
    await story.look('a refused sign-in', visitor);
    await visitor.signIn(story.stack.email, story.stack.password);
    await visitor.arrivesAt('Overview');
    await visitor.close();
  });

  test('the session outlives the page, and no script can read it', async () => {
    await story.open('/', 'Overview');
    const kept = await story.page.evaluate<string>(
      'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, location.href])',
    );
    expect(kept).not.toMatch(/eyJ|__Secure/);
  });

  test('in and out by keyboard alone; who is out stays out', async () => {
    const email = 'keyboard@example.com';
    const password = 'keys of a keyboard, many';
    await story.make('/v1/users', { email, password, roles: ['observer'] });
    const visitor = await story.visit();
    const { keyboard } = visitor;
    await visitor.goTo('/');
    await visitor.isAt('Sign in to Portcullis');
    expect(await keyboard.focused()).toMatchObject({ name: 'E-mail' });
    await visitor.page.keyboard.type(email);
    await keyboard.fill('Password', 'not the password');
    await keyboard.press('Enter');
    await visitor.page.getByText('E-mail or password is wrong').waitFor();
    await keyboard.fill('Password', password);
    await keyboard.press('Enter');
    await visitor.isAt('Overview');
    await keyboard.do('Sign out');
    await visitor.isAt('Sign in to Portcullis');
    await visitor.page.reload();
    await visitor.isAt('Sign in to Portcullis');
    await visitor.close();
  });
}
