// Runs `node <args>` in this clone, after installing what it needs: `node bin/with-setup.js src/main.ts start`.
// With --test in place of a script it runs the tests. Plain JavaScript for Node 20, because on a fresh clone the
// machine's own Node runs it; what it starts runs on the Node that the clone installs.

import { runOnNode } from './run-on-node.js';
import { setUp } from './set-up.js';
import { testArguments } from './test-arguments.js';

const args = process.argv.slice(2);
await setUp();
runOnNode(args[0] === '--test' ? testArguments(args.slice(1)) : args);
