import { randomBytes } from 'node:crypto';
import { KeyEncryption } from '@portcullis/credentials';
import { type LogConfig } from '../src/config.js';

export const logConfig: LogConfig = {
  encryption: KeyEncryption.parse(randomBytes(32).toString('base64')),
  keyDays: 365,
  origin: undefined,
  firstOrigin: 'log.example/audit',
};
