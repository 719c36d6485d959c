/** Whether the first type that a request accepts is JSON, whatever it takes besides. */
export const wantsJson = (accept: string | undefined): boolean => /[/+]json/i.test((accept ?? '').split(',')[0] ?? '');
