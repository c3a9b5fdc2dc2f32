/**
 * Runs `operation` for as long as the parent asks, `lanes` at once, and tells how often and at what cost of this process.
 * An operation that answers no promise is called in a tight loop of `batch`.
 */
export function answerRounds(lanes, operation, { batch = 1 } = {}) {
  process.on('message', async ({ milliseconds }) => {
    try {
      const before = process.cpuUsage();
      const started = performance.now();
      let operations = 0;
      const lane = async () => {
        while (performance.now() - started < milliseconds) {
          for (let at = 0; at < batch; at++) {
            const pending = operation(operations + at);
            if (pending instanceof Promise) await pending;
          }
          operations += batch;
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      const { user, system } = process.cpuUsage(before);
      process.send({ requests: operations, seconds: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 });
    } catch (error) {
      process.send({ failed: String(error.stack ?? error) });
    }
  });
  process.on('disconnect', () => process.exit());
  process.send('ready');
}
