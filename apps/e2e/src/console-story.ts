import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core';
import { findChromium, launch, Visitor } from './browser.js';
import { administrator, Client } from './client.js';
import { type Stack, startStack } from './stack.js';

/** Whether an address is of one record: its screen is looked at once, whichever record it shows. */
const recordId = /\b[a-z]+_[0-9A-Z]{26}\b/g;

/** One stack and one browser with its first administrator in it. */
export class ConsoleStory {
  stack!: Stack;
  visitor!: Visitor;
  /** The same person at a shell, in the first organization. */
  admin!: Client;
  #browser!: Browser;
  readonly #visitors: Visitor[] = [];
  readonly #looked = new Set<string>();

  constructor(private readonly executable: string) {}

  async begin(): Promise<void> {
    [this.stack, this.#browser] = await Promise.all([startStack(), launch(this.executable)]);
    const anyone = await administrator(this.stack);
    const me = await anyone.get('/v1/whoami');
    this.admin = anyone.in(me.json.organization_id as string);
    this.visitor = await this.visit();
    await this.visitor.goTo('/');
    await this.visitor.signIn(this.stack.email, this.stack.password);
    await this.visitor.isAt('Overview');
  }

  async end(): Promise<void> {
    await this.#browser?.close();
    expect(await this.stack?.stop()).toBe(0);
    this.stack?.remove();
  }

  /** Somebody else, in a browser profile of their own. */
  async visit(options?: BrowserContextOptions): Promise<Visitor> {
    const visitor = await Visitor.at(this.stack.url, this.#browser, options);
    this.#visitors.push(visitor);
    return visitor;
  }

  /** What went wrong unseen in any of the profiles since this was last asked. */
  faults(): string[] {
    return this.#visitors.flatMap(({ faults }) => faults.splice(0));
  }

  get page(): Page {
    return this.visitor.page;
  }

  get keyboard(): Visitor['keyboard'] {
    return this.visitor.keyboard;
  }

  /** Loads a screen by its address. */
  async open(path: string, heading: string | RegExp): Promise<void> {
    await this.visitor.goTo(path);
    await this.visitor.arrivesAt(heading);
  }

  /** Waits for a screen. The first time that one comes to it axe looks for barriers. */
  async see(heading: string | RegExp, visitor = this.visitor): Promise<void> {
    await visitor.isAt(heading);
    const { pathname } = new URL(visitor.page.url());
    await this.look(`${pathname.replaceAll(recordId, ':id')} ${heading instanceof RegExp ? '' : heading}`, visitor);
  }

  /** Lets axe look for barriers, once for each name of what there is to see. */
  async look(name: string, visitor = this.visitor): Promise<void> {
    if (this.#looked.has(name)) return;
    this.#looked.add(name);
    expect(await visitor.barriers()).toEqual([]);
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  link(name: string): Locator {
    return this.page.getByRole('link', { name, exact: true }).first();
  }

  row(name: string | RegExp): Locator {
    return this.page.getByRole('row', { name });
  }

  text(text: string): Locator {
    return this.page.getByText(text, { exact: true }).first();
  }

  /** Checks one of several choices, by a part of what it says. */
  choose(text: string): Promise<void> {
    return this.page.locator('.choice').filter({ hasText: text }).first().click();
  }

  fill(label: string, text: string): Promise<void> {
    return this.page.getByLabel(label, { exact: true }).fill(text);
  }

  async select(label: string, option: string): Promise<void> {
    await this.page.getByRole('button', { name: new RegExp(`\\b${label}$`) }).click();
    await this.page.getByRole('option', { name: option, exact: true }).click();
  }

  /** From the menu of a row. */
  async act(row: string, item: string): Promise<void> {
    await this.button(`Actions of ${row}`).click();
    await this.page.getByRole('menuitem', { name: item, exact: true }).click();
  }

  /** From a button of the page through the question to the receipt. */
  async change(verb: string): Promise<void> {
    await this.button(verb).click();
    await this.confirm(verb);
  }

  /** In the question that is open: the verb, and the receipt. */
  async confirm(verb: string): Promise<void> {
    const dialog = this.page.getByRole('dialog');
    await dialog.waitFor();
    await this.look(`question: ${verb}`);
    await dialog.getByRole('button', { name: verb, exact: true }).click();
    await dialog.getByText(/✓ In force on the one enforcer after \d+ ms/).waitFor();
    await this.look('receipt');
    await dialog.getByRole('button', { name: 'Done' }).click();
    await dialog.waitFor({ state: 'hidden' });
  }

  /** What a gateway answers to who calls with this. */
  async answerTo(token: string): Promise<number> {
    return (await new Client(this.stack.url, token).get('/v1/whoami')).status;
  }

  /** @returns the record, as creating it answered. Its answer's secrets are looked for when the stack ends */
  async make<Made = { readonly id: string }>(path: string, body: object): Promise<Made> {
    const made = await this.admin.post(path, body);
    if (made.status !== 201) throw new Error(`${path}: ${made.status} ${made.text}`);
    return made.json as Made;
  }
}

/** The frame of what is told of the console: skipped, and said so, where there is no Chromium. */
export function consoleStory(title: string, tell: (story: ConsoleStory) => void): void {
  const executable = findChromium();
  if (executable === undefined) {
    test.skip(`${title}: there is no Chromium on this machine`, () => undefined);
    return;
  }
  jest.setTimeout(120_000);
  describe(title, () => {
    const story = new ConsoleStory(executable);
    beforeAll(() => story.begin(), 180_000);
    afterAll(() => story.end(), 120_000);
    afterEach(() => expect(story.faults()).toEqual([]));
    tell(story);
  });
}
