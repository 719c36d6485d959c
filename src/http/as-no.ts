import { Failure } from '../core/failure.ts';
import { fieldsRefused } from './body.ts';
import { Refusal } from './refusal.ts';

/** How long a client may wait before it tries again when something behind us is away. */
const RETRY_AFTER_SECONDS = 2;

/** What an error is called, whoever threw it: what a dialect has a word for. What nobody foresaw is a `fault`. */
export function asNo(error: unknown, isUnavailable: (error: unknown) => boolean): Failure | Refusal {
  if (error instanceof Failure || error instanceof Refusal) return error;
  const { code, validation, validationContext } = error as {
    code?: string;
    validation?: Parameters<typeof fieldsRefused>[0];
    validationContext?: string;
  };
  // A parameter of the path that cannot be one names nothing.
  if (validation && validationContext === 'params') return new Failure('not_found');
  if (validation) return new Failure('input_rejected', { fields: fieldsRefused(validation) });
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Refusal('body_too_large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Refusal('media_type_unsupported');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new Refusal('body_unreadable');
  }
  if (isUnavailable(error)) return new Refusal('unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS });
  return new Refusal('fault');
}
