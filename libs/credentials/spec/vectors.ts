import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The official test vectors lie beside the checkout, in ../shared/vectors; a stranger's clone may be without them. */
const root = fileURLToPath(new URL('../../../../shared/vectors/', import.meta.url));

/** `describe` where the named folder of vectors is at hand; else a skipped block that says what is missing. */
export function describeVectors(folder: string, body: (vectors: VectorFolder) => void): void {
  if (existsSync(join(root, folder))) describe(`vectors ${folder}`, () => body(new VectorFolder(folder)));
  else
    describe.skip(`vectors ${folder} (absent: they belong in ../shared/vectors beside the checkout)`, () =>
      test.todo(folder));
}

export class VectorFolder {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = join(root, folder);
  }

  names(under = '.'): string[] {
    return readdirSync(join(this.folder, under)).sort();
  }

  has(name: string): boolean {
    return existsSync(join(this.folder, name));
  }

  bytes(name: string): Buffer {
    return readFileSync(join(this.folder, name));
  }

  /** Some collections hold symbolic links that were stored as files: one line with the name of the file beside it. */
  text(name: string): string {
    const text = this.bytes(name).toString('utf8');
    const beside = join(dirname(name), text);
    return /^[\w.]+\.jwk$/.test(text) && this.has(beside) ? this.text(beside) : text;
  }

  json<Shape>(name: string): Shape {
    return JSON.parse(this.text(name)) as Shape;
  }
}
