// `npm run bench`: what the server does a second, each figure beside its limit, measured in one run. See docs/performance.md.

import { databases } from './databases.ts';
import { type Figure, measureOn } from './measure.ts';
import { machine, parametersFrom, USAGE } from './parameters.ts';
import { table } from './table.ts';

const parameters = parametersFrom(process.argv.slice(2));
if (!parameters) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const figures: Figure[] = [];
for await (const database of databases(parameters.database, say)) {
  figures.push(...(await measureOn(database, parameters, (line) => say(`${database.kind}: ${line}`))));
}
process.stdout.write(
  parameters.json
    ? `${JSON.stringify({ machine: machine(), parameters, figures }, null, 2)}\n`
    : table({ machine: machine(), parameters, figures }),
);
