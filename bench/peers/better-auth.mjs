// better-auth's API key plug-in on Postgres, called in its own process: the decision alone, no HTTP. Its rate limit is off.
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import pg from 'pg';
import { answerRounds } from './answer-rounds.mjs';

const auth = betterAuth({
  baseURL: 'http://127.0.0.1',
  secret: 'a secret of more than thirty-two characters',
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 }),
  emailAndPassword: { enabled: true },
  plugins: [apiKey({ rateLimit: { enabled: false } })],
  telemetry: { enabled: false },
  logger: { disabled: true },
});
await (await getMigrations(auth.options)).runMigrations();
const { user } = await auth.api.signUpEmail({
  body: { email: 'a@example.com', password: 'a long password', name: 'a' },
});
const { key } = await auth.api.createApiKey({ body: { userId: user.id, name: 'bench' } });

answerRounds(16, async () => {
  if (!(await auth.api.verifyApiKey({ body: { key } })).valid) throw new Error('the key was refused');
});
