import { runProgram } from './cli/program.ts';

export { runProgram } from './cli/program.ts';
export { version } from './version.ts';

if (import.meta.main) process.exitCode = await runProgram(process.argv.slice(2), process);
