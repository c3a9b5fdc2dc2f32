/** Writes docs/asyncapi.json from the schemas of the events, as they are built: `npm run asyncapi`. */
import { writeFileSync } from 'node:fs';
import { describeEvents } from '@portcullis/contracts';

writeFileSync(new URL('../docs/asyncapi.json', import.meta.url), `${JSON.stringify(describeEvents(), null, 2)}\n`);
