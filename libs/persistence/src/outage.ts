/**
 * SQLSTATE classes 08 (connection), 40 (rolled back, as one side of a deadlock is), 53 (resources), 57P (shutdown), 57014 (took
 * longer than its time), 25006 (read-only standby), and what sockets, name servers and the pool say.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  if (typeof code === 'string' && outageCode.test(code)) return true;
  if (outageMessage.test(error.message)) return true;
  return driverError !== error && driverError instanceof Error && isOutage(driverError);
}

const outageCode = /^(08|40|53|57P|57014|25006|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)/;
/**
 * What pg and its pool say without a code, a standby under a code that it shares with others (55000), and TypeORM of a
 * transaction whose connection was lost between two statements.
 */
const outageMessage =
  /query runner (?:was )?already released|timeout exceeded when trying to connect|connection terminated|recovery is in progress|query read timeout|client has encountered a connection error|not queryable/i;
