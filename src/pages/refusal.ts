/** What the pages refuse beside what every contract does. */
export interface PageRefusals {
  /** The form's token is missing, or is not this browser's. */
  form_stale: undefined;
  /** The link came without its token: half copied, or reloaded after the token was taken out of the address. */
  link_incomplete: undefined;
}

/** Thrown by the pages; their dialect gives it status and words. */
export class PageRefusal extends Error {
  override readonly name = 'PageRefusal';
  readonly code: keyof PageRefusals;
  readonly facts = undefined;

  constructor(code: keyof PageRefusals) {
    super(code);
    this.code = code;
  }
}
