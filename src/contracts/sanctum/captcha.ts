/** A service that tells people from programs. */
export interface Captcha {
  /**
   * Whether the token that a page got from the service is good. One that cannot be judged is not.
   *
   * @param address the caller's, where it is known
   */
  passes(token: string, address: string | null): Promise<boolean>;
}
