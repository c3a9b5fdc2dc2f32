import { type IncomingRequest } from '../src/incoming-request.js';

/** A request with these headers, names and values in turn. */
export const aRequest = (...rawHeaders: string[]): IncomingRequest => ({
  rawHeaders: ['Host', 'service.test', ...rawHeaders],
  socket: { remoteAddress: '192.0.2.1' },
});

export const bearing = (token: string, ...more: string[]): IncomingRequest =>
  aRequest('Authorization', `Bearer ${token}`, ...more);
