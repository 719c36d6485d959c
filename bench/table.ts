import type { Figure } from './measure.ts';
import type { Machine, Parameters } from './parameters.ts';

/** The run as a Markdown table, aligned for a terminal. */
export function table({
  machine,
  parameters,
  figures,
}: {
  machine: Machine;
  parameters: Parameters;
  figures: Figure[];
}): string {
  const { seconds, rounds, runs, sessions, checkers, signers, refreshers } = parameters;
  const rows = [
    ['figure', 'database', 'Guichet', 'beside it', 'ratio', 'goal', 'also'],
    ...figures.map(({ name, database, value, unit, limit, goal, also }) => [
      name,
      database,
      amount(value, unit),
      limit ? `${limit.name}: ${amount(limit.value, unit)}` : '',
      limit ? limit.ratio.toFixed(2) : '',
      goal ? inWords(goal, unit) : '',
      Object.entries(also)
        .map(([what, seen]) => `${what} ${seen.toFixed(seen < 10 ? 2 : 0)}`)
        .join(', '),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows.map(line);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return `${[
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGigabytes} GB, Node ${machine.node}, UV_THREADPOOL_SIZE=${machine.threads}`,
    `${sessions} sessions; ${rounds} rounds of ${seconds} s by turns, ${runs} starts, medians; at once: ${checkers} checks, ${signers} sign-ins, ${refreshers} refreshes`,
    '',
    head,
    rule,
    ...body,
  ].join('\n')}\n`;
}

function amount(value: number, unit: Figure['unit']): string {
  const digits = unit === '/s' && value < 1000 ? 1 : 0;
  const text = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === '/s' ? `${text}/s` : `${text} ${unit}`;
}

const inWords = (goal: NonNullable<Figure['goal']>, unit: Figure['unit']): string =>
  'atLeast' in goal ? `ratio ≥ ${goal.atLeast.toFixed(2)}` : `< ${amount(goal.below, unit)}`;
