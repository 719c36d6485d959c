import { readFileSync } from 'node:fs';

/** This package's version; package.json lies one folder up, from src/ as from dist/. */
export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
