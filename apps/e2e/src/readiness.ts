import { eventually } from '@portcullis/testing';
import { Client } from './client.js';

const healMilliseconds = 120_000;

/** Resolves when each of these gateways decides, after something that befell their stack. */
export async function everyGatewayReady(urls: readonly string[]): Promise<void> {
  await eventually(async () => (await Promise.all(urls.map(isReady))).every(Boolean), healMilliseconds);
}

async function isReady(url: string): Promise<boolean> {
  return (await new Client(url).get('/readyz').catch(() => null))?.status === 200;
}
