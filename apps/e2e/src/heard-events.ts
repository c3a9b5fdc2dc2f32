import { type CloudEvent, eventFaults, eventSubject, toCloudEvent } from '@portcullis/contracts';

/**
 * What is wrong with the events among messages of the bus (`bytesOf`): of a type that nobody knows, other than the schema of their type
 * says, or no CloudEvent as we make them. Each fault once.
 */
export function faultsOfEvents(bus: readonly Buffer[]): string[] {
  return [...new Set(bus.flatMap((message) => faultsOf(message)))];
}

function faultsOf(message: Buffer): string[] {
  const subject = message.subarray(0, message.indexOf(' ')).toString();
  if (!/^audit\.[^.]+\.[^.]+\.[^.]+\.[^.]+$/.test(subject)) return [];
  // Behind the headers, which are lines.
  const body = message.subarray(message.indexOf('\n{') + 1).toString();
  const event = (JSON.parse(body) as CloudEvent).data;
  if (eventSubject(event) !== subject) return [`${subject}: ${eventSubject(event)} is said there`];
  if (body !== JSON.stringify(toCloudEvent(event))) return [`${subject}: not the CloudEvent of its data`];
  return eventFaults(event);
}
