import { StringDecoder } from 'node:string_decoder';

/** No line of an export is longer: events come through a message bus. */
const maxLineCharacters = 16 * 1024 * 1024;

/** The lines of a text as it comes, without their ends. What follows the last newline is a line too, if it is anything. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > maxLineCharacters) {
      // It is no export: what there is of the line says so to whoever reads it.
      yield rest;
      return;
    }
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
