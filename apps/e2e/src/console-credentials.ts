import { type ConsoleStory } from './console-story.js';
import { noteSecrets } from './secret-sweep.js';

const secrets: Readonly<Record<string, string>> = {
  'Bearer token': 'bearer_token',
  'Client secret': 'client_secret',
  'Secret access key': 'secret_access_key',
};

/** A value on the page of credentials, which is open. A secret is looked for when the stack ends. */
export async function credential({ page }: ConsoleStory, label: string): Promise<string> {
  const line = page.locator('dt').filter({ hasText: new RegExp(`^${label}$`) });
  const value = await line.locator('xpath=following-sibling::dd[1]').locator('code').innerText();
  noteSecrets({ [secrets[label] ?? '']: value });
  return value;
}

/** What is pasted elsewhere after a copy button was pressed: a page may not read the clipboard. */
export async function copied({ page }: ConsoleStory): Promise<string> {
  await page
    .getByRole('status')
    .filter({ hasText: /^Copied$/ })
    .first()
    .waitFor({ state: 'attached' });
  const elsewhere = await page.context().newPage();
  await elsewhere.setContent('<textarea autofocus></textarea>');
  await elsewhere.locator('textarea').press('Control+V');
  const text = await elsewhere.locator('textarea').inputValue();
  await elsewhere.close();
  return text;
}

/** @param name of the key, on whose page one is afterwards */
export async function leaveCredentials(story: ConsoleStory, name: string): Promise<void> {
  await story.page.getByText('I have put them where they belong').click();
  await story.button('Done').click();
  await story.visitor.isAt(name);
}

/** The same without a mouse. */
export async function leaveCredentialsByKeyboard({ keyboard, visitor }: ConsoleStory, name: string): Promise<void> {
  await keyboard.check('I have put them where they belong, such as a secret manager');
  await keyboard.do('Done');
  await visitor.isAt(name);
}
