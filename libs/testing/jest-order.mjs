import { createRequire } from 'node:module';

// Of jest itself, which comes with it.
const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer');

/**
 * Jest begins with the largest files, so that no worker stands idle at the end. The console's spec file is small, and takes the longest: what
 * it tells is in files beside it.
 */
export default class Order extends Sequencer {
  sort(tests) {
    const isLong = ({ path }) => path.endsWith('/console.spec.ts');
    return super.sort(tests).sort((one, other) => Number(isLong(other)) - Number(isLong(one)));
  }
}
