import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const portcullis = resolve(import.meta.dirname, '../../cli/bin/portcullis.mjs');
const docs = resolve(import.meta.dirname, '../../../docs');

export interface RunPage {
  /** Where its files are written and its commands run. */
  readonly folder: string;
  /** What its commands find in the environment, beside PATH, on which `portcullis` is. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A page of `docs` as a reader uses it: a block with a name behind its language is saved under that name, and the blocks of `sh` are
 * pasted into one shell, from the first to the last. Blocks of `text` are only read. There is no other kind, so that none is overlooked.
 */
export class DocumentedPage {
  private readonly blocks: readonly { readonly language: string; readonly name: string; readonly text: string }[];

  constructor(page: string) {
    const fenced = readFileSync(join(docs, page), 'utf8').matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms);
    this.blocks = [...fenced].map(([, language = '', name = '', text = '']) => ({ language, name, text }));
    const overlooked = this.blocks.filter(({ language, name }) => name === '' && !['sh', 'text'].includes(language));
    if (overlooked.length > 0) throw new Error(`${page}: nobody runs ${JSON.stringify(overlooked[0]?.text)}`);
  }

  /** Writes its files into a folder. */
  save(folder: string): void {
    for (const { name, text } of this.blocks) if (name !== '') writeFileSync(join(folder, name), text);
  }

  /** Answers what each block of `sh` wrote, standard error too. Rejects if one fails. */
  run({ folder, env }: RunPage): Promise<string[]> {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    const command = `#!/bin/sh\nexec '${process.execPath}' '${portcullis}' "$@"\n`;
    writeFileSync(join(folder, 'bin', 'portcullis'), command, { mode: 0o755 });
    this.save(folder);
    const blocks = this.blocks.filter(({ language, name }) => language === 'sh' && name === '');
    const script = blocks.map(({ text }) => `${text}\nprintf '\\n%s\\n' '${between}'`).join('\n');
    const path = `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`;
    return new Promise((done, fail) => {
      execFile(
        'bash',
        ['-euo', 'pipefail', '-c', `exec 2>&1\n${script}`],
        { cwd: folder, env: { ...env, PATH: path }, timeout: 120_000 },
        (error, out) => {
          const told = out.split(`\n${between}\n`);
          if (error)
            fail(new Error(`block ${told.length} of ${blocks.length} failed:\n${told.at(-1)}`, { cause: error }));
          else done(told.slice(0, -1));
        },
      );
    });
  }
}

const between = '--- the next block ---';
