import { once } from 'node:events';
import { type ServerResponse } from 'node:http';
import { type Streamed } from './routes/route.js';

/**
 * Writes an answer as it comes and ends it. Waits for a client that reads slowly, so that one piece is in memory and no more; stops when
 * it has gone. If the source fails, the connection is cut: an end would say that this was all. Never rejects.
 */
export async function writeStreamed(
  response: ServerResponse,
  { pieces, endless }: Streamed,
  about: { isHead: boolean; stopping: () => boolean; report: (line: string) => void },
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    response.flushHeaders();
    while (!about.isHead && !gone.signal.aborted && !(endless && about.stopping())) {
      const { done, value } = await pieces.next();
      if (done === true) break;
      if (!gone.signal.aborted && !response.write(value)) await once(response, 'drain', { signal: gone.signal });
    }
    if (!gone.signal.aborted) response.end();
  } catch (error) {
    if (!gone.signal.aborted) about.report(`an answer could not be finished: ${String(error)}`);
    response.destroy();
  } finally {
    await pieces.return?.();
  }
}
