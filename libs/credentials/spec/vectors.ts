import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The official test vectors lie beside the checkout, in ../shared/vectors; a stranger's clone may be without them. */
const root = new URL('../../../../shared/vectors/', import.meta.url);

/** `describe` where the named folder of vectors is at hand; else a skipped block that says what is missing. */
export function describeVectors(folder: string, body: (vectors: VectorFolder) => void): void {
  if (existsSync(new URL(`${folder}/`, root))) describe(`vectors ${folder}`, () => body(new VectorFolder(folder)));
  else describe.skip(`vectors ${folder} (absent: they belong in ../shared/vectors beside the checkout)`, () => test.todo(folder));
}

export class VectorFolder {
  private readonly folder: URL;

  constructor(folder: string) {
    this.folder = new URL(`${folder}/`, root);
  }

  names(under = '.'): string[] {
    return readdirSync(fileURLToPath(new URL(`${under}/`, this.folder))).sort();
  }

  has(name: string): boolean {
    return existsSync(new URL(name, this.folder));
  }

  bytes(name: string): Buffer {
    return readFileSync(new URL(name, this.folder));
  }

  text(name: string): string {
    return this.bytes(name).toString('utf8');
  }

  json<Shape>(name: string): Shape {
    return JSON.parse(this.text(name)) as Shape;
  }
}
