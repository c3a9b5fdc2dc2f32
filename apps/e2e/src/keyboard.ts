import { type Page } from 'playwright-core';

/** As somebody uses a page who has no mouse. What has the focus is told by its accessible name, which a screen reader says. */
export class Keyboard {
  constructor(private readonly page: Page) {}

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Tab until the focus is on what is called so. @throws what was passed, where it is not come to */
  async to(name: string | RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    await this.#go(key, 250, ({ name: focused }) => isCalled(focused, name), `“${name}”`);
  }

  /** Follows a link, or presses a button. */
  async do(name: string | RegExp): Promise<void> {
    await this.to(name);
    await this.press('Enter');
  }

  /** To another screen, by the side bar: it stands before the page. */
  async leaveFor(name: string): Promise<void> {
    await this.to(name, 'Shift+Tab');
    await this.press('Enter');
  }

  /** Sends a form from a field that stands before where one is. */
  async submitFrom(label: string): Promise<void> {
    await this.to(label, 'Shift+Tab');
    await this.press('Enter');
  }

  /** Checks or unchecks. */
  async check(name: string | RegExp): Promise<void> {
    await this.to(name);
    await this.press('Space');
  }

  /** After a form was sent: the link that leads on has the focus. */
  async goOn(name: string): Promise<void> {
    await this.page.getByRole('link', { name, exact: true }).and(this.page.locator(':focus')).waitFor();
    await this.press('Enter');
  }

  /** Writes into a field, over what is there. */
  async fill(label: string, text: string): Promise<void> {
    await this.to(label);
    await this.press('Control+A');
    await this.page.keyboard.insertText(text);
  }

  /** One of a list that drops down. */
  async select(label: string, option: string): Promise<void> {
    // Such a button is called by what is chosen and by its label.
    await this.to(new RegExp(`\\b${label}$`));
    await this.press('Enter');
    await this.page.getByRole('option', { name: option, exact: true }).waitFor();
    await this.press('Home');
    await this.#arrow('option', option);
    await this.press('Enter');
    await this.page.getByRole('listbox').waitFor({ state: 'hidden' });
  }

  /** One of several, of which the focus comes to the chosen one. */
  async radio(chosen: RegExp, wanted: RegExp): Promise<void> {
    await this.to(chosen);
    await this.#arrow('radio', wanted);
  }

  /** Into the page's table once it has that row, to the first of its rows, and from there to the one that is meant. */
  async toRow(row: string | RegExp): Promise<void> {
    await this.page.getByRole('row', { name: row }).first().waitFor();
    await this.#go('Tab', 250, ({ isInRow }) => isInRow, 'a row');
    if ((await this.focused()).role !== 'row') await this.#go('ArrowLeft', 20, ({ role }) => role === 'row', 'its row');
    await this.press('Home');
    await this.#arrow('row', row);
  }

  /** From the menu of a row. */
  async act(row: string, item: string): Promise<void> {
    await this.toRow(row);
    await this.press('ArrowLeft', 'Enter');
    await this.page.getByRole('menuitem', { name: item, exact: true }).waitFor();
    await this.#arrow('menuitem', item);
    await this.press('Enter');
  }

  /** In the question that is open: the verb, the receipt, and "Done", which has the focus then. Afterwards the focus is somewhere. */
  async confirm(verb: string): Promise<void> {
    await this.page.getByRole('dialog').waitFor();
    await this.do(verb);
    await this.page.getByText(/✓ In force on the one enforcer after \d+ ms/).waitFor();
    await this.page.getByRole('button', { name: 'Done' }).and(this.page.locator(':focus')).waitFor();
    await this.press('Enter');
    await this.page.getByRole('dialog').waitFor({ state: 'hidden' });
    await this.page.locator('body :focus').waitFor();
  }

  focused(): Promise<Focused> {
    return this.page.evaluate<Focused>(`(() => {
      const at = document.activeElement;
      return { name: at.computedName, role: at.computedRole, isInRow: at.closest('[role=row]') !== null };
    })()`);
  }

  async #arrow(role: string, name: string | RegExp): Promise<void> {
    const isThere = (focused: Focused) => focused.role === role && isCalled(focused.name, name);
    if (!isThere(await this.focused())) await this.#go('ArrowDown', 60, isThere, `the ${role} “${name}”`);
  }

  async #go(key: string, most: number, isThere: (focused: Focused) => boolean, wanted: string): Promise<void> {
    const passed = new Set<string>();
    for (let steps = 0; steps < most; steps++) {
      await this.press(key);
      const focused = await this.focused();
      if (isThere(focused)) return;
      passed.add(`${focused.role} “${focused.name}”`);
    }
    throw new Error(`${key} does not come to ${wanted}, but to ${[...passed].join(', ')}.`);
  }
}

interface Focused {
  readonly name: string;
  readonly role: string;
  readonly isInRow: boolean;
}

const isCalled = (name: string, wanted: string | RegExp): boolean =>
  typeof wanted === 'string' ? name === wanted : wanted.test(name);
