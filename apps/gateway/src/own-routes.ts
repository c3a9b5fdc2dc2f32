import { ownRoutes } from './routes/control-routes.js';

// Prints what the gateway answers itself, for commands that read a policy without a gateway running.
process.stdout.write(`${JSON.stringify(ownRoutes)}\n`);
