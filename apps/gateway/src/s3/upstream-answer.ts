import { type ServerResponse } from 'node:http';
import { type Readable } from 'node:stream';
import { S3Fault } from '@portcullis/credentials';
import { type Dispatcher } from 'undici';

/** An answer's body. One of its methods is to be called, once, in the turn in which the answer came. */
export interface S3AnswerBody {
  /** All of it. `InternalError` if it is larger than any that belongs here. @param seen called with each piece */
  whole(maxBytes: number, seen?: (piece: Buffer) => void): Promise<Buffer>;
  /** Nobody wants it. */
  discard(): void;
  /** Writes it to the client, at the client's pace. One that breaks off must not look whole: the connection is cut with it. */
  writeTo(response: ServerResponse): Promise<void>;
}

export interface S3UpstreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: S3AnswerBody;
}

/** Ends a request to the storage before its time; what is over it leaves alone. In the place of an AbortController, which costs ten times as much. */
export class Ending {
  #why: string | undefined;
  #call: ((error: Error) => void) | undefined;

  end(why: string): void {
    this.#why ??= why;
    this.#call?.(new Error(why));
    this.#call = undefined;
  }

  /** Calls back at the end, at once if it was before. */
  tell(call: (error: Error) => void): void {
    if (this.#why === undefined) this.#call = call;
    else call(new Error(this.#why));
  }

  forget(): void {
    this.#call = undefined;
  }
}

/** Who takes a body as it comes. */
interface Taker {
  /** Whether more may come at once; else whoever takes it says when. */
  piece(bytes: Buffer): boolean;
  end(): void;
  fail(error: Error): void;
}

/** So many pieces wait for whoever takes the body; a small one has come whole by then, and is written with its head. */
const mostWaiting = 2;

/**
 * One request to the storage and its answer, without the streams of undici's `request`: on a small object they would cost more than
 * to verify its signature.
 */
export class StorageExchange implements Dispatcher.DispatchHandler, S3AnswerBody {
  #controller: Dispatcher.DispatchController | undefined;
  #taker: Taker | undefined;
  #waiting: Buffer[] = [];
  #outcome: 'open' | 'whole' | Error = 'open';

  constructor(
    private readonly body: Readable | undefined,
    private readonly ending: Ending | undefined,
    private readonly resolve: (answer: S3UpstreamAnswer) => void,
    private readonly reject: (fault: Error) => void,
  ) {}

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.ending?.tell((error) => controller.abort(error));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: S3UpstreamAnswer['headers'],
  ): void {
    if (status >= 200) this.resolve({ status, headers, body: this });
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    const goesOn = this.#taker ? this.#taker.piece(piece) : this.#waiting.push(piece) < mostWaiting;
    if (!goesOn) controller.pause();
  }

  onResponseEnd(): void {
    this.ending?.forget();
    this.#outcome = 'whole';
    this.#taker?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.ending?.forget();
    this.#outcome = error;
    this.body?.destroy(error);
    // Of a promise that was kept this is not heard.
    this.reject(faultOf(error));
    this.#taker?.fail(error);
  }

  whole(maxBytes: number, seen: (piece: Buffer) => void = () => undefined): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      let size = 0;
      this.#give({
        piece: (bytes) => {
          size += bytes.length;
          if (size > maxBytes) {
            this.#controller?.abort(tooMuch());
            return false;
          }
          pieces.push(bytes);
          seen(bytes);
          return true;
        },
        end: () => resolve(Buffer.concat(pieces)),
        fail: (error) => reject(faultOf(error)),
      });
    });
  }

  discard(): void {
    this.#give({ piece: () => true, end: () => undefined, fail: () => undefined });
  }

  writeTo(response: ServerResponse): Promise<void> {
    if (this.#outcome === 'whole') {
      response.end(this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting));
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      // Whoever began this request ends it when the client goes.
      response.once('close', resolve);
      this.#give({
        piece: (bytes) => {
          if (response.write(bytes)) return true;
          response.once('drain', () => this.#controller?.resume());
          return false;
        },
        end: () => void response.end(),
        fail: () => void response.destroy(),
      });
    });
  }

  #give(taker: Taker): void {
    this.#taker = taker;
    const waiting = this.#waiting;
    this.#waiting = [];
    let goesOn = true;
    for (const piece of waiting) goesOn = taker.piece(piece);
    if (this.#outcome === 'whole') taker.end();
    else if (this.#outcome !== 'open') taker.fail(this.#outcome);
    else if (goesOn) this.#controller?.resume();
  }
}

const tooMuch = (): S3Fault =>
  new S3Fault('InternalError', 'upstream_answer', 'The storage behind the gateway answered with too much.');

function faultOf(error: unknown): Error {
  if (error instanceof S3Fault) return error;
  return new S3Fault(
    'ServiceUnavailable',
    'upstream_unreachable',
    'The storage behind the gateway cannot be reached, or does not answer. Try again shortly.',
    {},
    { cause: error },
  );
}
