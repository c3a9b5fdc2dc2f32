import { MessagePattern } from '@nestjs/microservices';
import { type CallerOf, type Operation, type ReplyOf, type RequestOf } from '@portcullis/contracts';
import { answer, type Answer, type Incoming } from './incoming.js';

type Handler<O extends Operation> = (request: RequestOf<O>, caller: CallerOf<O>) => Promise<ReplyOf<O>>;

/**
 * Binds a controller method to an operation: subject, caller check, permission check, request parse, reply parse and error
 * filter together, so that a handler cannot exist without them. A method whose types differ from the contract does not compile.
 *
 * The method itself is wrapped. Nest pipes, guards and filters would be four decorators to forget one of.
 */
export function Handles<O extends Operation>(operation: O) {
  return <M extends Handler<O>>(target: object, key: string, descriptor: TypedPropertyDescriptor<M>): void => {
    const handle = descriptor.value;
    if (!handle) throw new TypeError(`${key} is not a method`);
    const wrapped = function (this: unknown, incoming: Incoming): Promise<Answer> {
      return answer(operation, incoming, handle.bind(this));
    };
    descriptor.value = wrapped as unknown as M;
    MessagePattern(operation.subject)(target, key, descriptor);
  };
}
