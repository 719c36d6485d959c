#!/usr/bin/env node
// The command. Plain JavaScript for Node 20, so that an older Node says what is missing rather than failing to parse.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runOnNode } from './run-on-node.js';
import { setUp } from './set-up.js';

const pathOf = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const args = process.argv.slice(2);
// The published package has no src/; a clone may have a dist/ that is older than its src/.
const isClone = existsSync(pathOf('src/main.ts'));
if (isClone) await setUp();
runOnNode([pathOf(isClone ? 'src/main.ts' : 'dist/main.js'), ...args]);
