/** No answer that could be judged: nobody there, too slow, too long, or not allowed to be asked. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  /** A code, without hosts or addresses. */
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

/** An answer in good time that does not hold. */
export class Unsound extends Error {
  override readonly name = 'Unsound';
}
