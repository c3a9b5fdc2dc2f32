import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { Keyboard } from './keyboard.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Where Debian, Ubuntu or a Mac has a Chromium or Chrome. Undefined: there is none, and the stories of the console are skipped. */
export function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  for (const name of names) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // the next
    }
  }
  return undefined;
}

export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      // What a screen reader says of the focus, asked for as `computedName` and `computedRole`.
      '--enable-blink-features=ComputedAccessibilityInfo',
    ],
  });

/** One browser profile at the console, and what went wrong in it that no person would have seen. */
export class Visitor {
  /** Errors of scripts, refusals of the content policy, requests to other hosts. */
  readonly faults: string[] = [];
  readonly keyboard: Keyboard;

  private constructor(
    readonly page: Page,
    private readonly origin: string,
  ) {
    this.keyboard = new Keyboard(page);
  }

  static async at(url: string, browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const visitor = new Visitor(page, new URL(url).origin);
    page.on('pageerror', (error) => visitor.faults.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // A browser writes a line for each answer that is no success; those are the story's business.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        visitor.faults.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(`${visitor.origin}/`)) visitor.faults.push(`request: ${request.url()}`);
    });
    return visitor;
  }

  async goTo(path: string): Promise<void> {
    await this.page.goto(`${this.origin}/console${path}`);
  }

  async signIn(email: string, password: string): Promise<void> {
    await this.page.getByLabel('E-mail').fill(email);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** Waits until the screen of this heading is there with all that it waits for. */
  async isAt(heading: string | RegExp): Promise<void> {
    await this.heading(heading).waitFor();
    await this.page.locator('.skeleton, .shell-busy').first().waitFor({ state: 'detached' });
  }

  /** The same after a load of the page, which asks who is a member of several organizations for one: the first of them. */
  async arrivesAt(heading: string | RegExp): Promise<void> {
    const choice = this.heading('Which organization?');
    await this.heading(heading).or(choice).waitFor();
    if (await choice.isVisible()) await this.page.getByRole('button', { name: 'Act in Default', exact: true }).click();
    await this.isAt(heading);
  }

  private heading(name: string | RegExp): Locator {
    return this.page.getByRole('heading', { level: 1, name, exact: true });
  }

  /** What axe finds against WCAG 2.2 AA on the page as it is, one line a rule. */
  async barriers(): Promise<string[]> {
    if (!(await this.page.evaluate<boolean>('"axe" in window'))) await this.page.evaluate(axe);
    return this.page.evaluate(async () => {
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const { violations } = await (
        globalThis as unknown as { axe: { run(where: object, options: object): Promise<{ violations: AxeRule[] }> } }
      ).axe.run({ exclude: ['[data-live-announcer]'] }, { runOnly: tags, resultTypes: ['violations'] });
      interface AxeRule {
        id: string;
        nodes: { html: string; failureSummary?: string }[];
      }
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`),
      );
    });
  }

  async picture(file: string): Promise<void> {
    mkdirSync(dirname(file), { recursive: true });
    await this.page.screenshot({ path: file });
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
