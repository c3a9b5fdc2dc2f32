/** SQLSTATE classes 08 (connection), 53 (resources), 57P (shutdown), 25006 (read-only standby), and what sockets and the pool say. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  if (typeof code === 'string' && outageCode.test(code)) return true;
  if (outageMessage.test(error.message)) return true;
  return driverError !== error && driverError instanceof Error && isOutage(driverError);
}

const outageCode = /^(08|53|57P|25006|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH)/;
/** What pg and its pool say without a code. */
const outageMessage =
  /timeout exceeded when trying to connect|connection terminated|query read timeout|client has encountered a connection error|not queryable/i;
