/** Lists of any length, in statements of bounded length. */
export function* inBatches<T>(values: readonly T[]): Generator<T[]> {
  for (let from = 0; from < values.length; from += 500) yield values.slice(from, from + 500);
}
