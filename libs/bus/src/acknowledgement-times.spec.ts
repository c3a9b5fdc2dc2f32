import { type Outgoing } from '@portcullis/enforcement';
import { AcknowledgementTimes } from './acknowledgement-times.js';

const sentAt = { monotonicMs: 0, wallMs: 0 };
const common = { enforcerId: 'g', incarnation: 1 };
const ack = (appliedThrough: number): Outgoing => ({
  authority: 'api-key',
  message: { kind: 'ack', ...common, appliedThrough, history: 'h' },
  sentAt,
});
const join: Outgoing = { authority: 'api-key', message: { kind: 'join', ...common }, sentAt };

function watched() {
  const told: number[] = [];
  return { told, times: new AcknowledgementTimes((milliseconds) => told.push(milliseconds)) };
}

test('a marker is told once, with the time until it was acknowledged', () => {
  const { told, times } = watched();
  times.arrived([11, 12], 100);
  times.sent([ack(12)], 12, 103);
  times.sent([ack(13)], 13, 200);
  expect(told).toEqual([3, 3]);
});

test('one behind a gap waits until the gap is filled', () => {
  const { told, times } = watched();
  times.arrived([12], 100);
  times.sent([], 10, 101);
  times.arrived([11], 150);
  times.sent([ack(12)], 12, 151);
  expect(told.sort((a, b) => a - b)).toEqual([1, 51]);
});

test('one that comes again after its acknowledgement is not told, however late the next one is', () => {
  const { told, times } = watched();
  times.arrived([11], 100);
  times.sent([ack(11)], 11, 101);
  times.arrived([11], 102);
  times.sent([], 11, 103);
  times.arrived([12], 9000);
  times.sent([ack(12)], 12, 9001);
  expect(told).toEqual([1, 1]);
});

test('nothing is told of an incarnation that is over: nobody waits for it', () => {
  const { told, times } = watched();
  times.arrived([11], 100);
  times.sent([join], 0, 6000);
  times.sent([ack(20)], 20, 6001);
  expect(told).toEqual([]);
});
