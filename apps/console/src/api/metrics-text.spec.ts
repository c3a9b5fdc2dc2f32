import { readMetrics } from './metrics-text';

const text = `# HELP portcullis_audit_log_size Events in the audit log
# TYPE portcullis_audit_log_size gauge
portcullis_audit_log_size 1234
portcullis_outbox_events{service="identity"} 2
portcullis_outbox_events{service="a } b \\" c"} 3.5e1

portcullis_audit_log_checked_timestamp_seconds
`;

test('samples are found by name, whatever their labels', () => {
  const found = readMetrics(text);
  expect(found('portcullis_audit_log_size')).toEqual([1234]);
  expect(found('portcullis_outbox_events')).toEqual([2, 35]);
});

test('what is not there, or has no value, is nothing', () => {
  const found = readMetrics(text);
  expect([found('portcullis_audit_log_checked_timestamp_seconds'), found('other')]).toEqual([[], []]);
});
