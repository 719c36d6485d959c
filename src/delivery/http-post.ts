import { DeliveryFailure } from './delivery.ts';

/** From the first packet to the last byte read. */
const LONGEST_MILLISECONDS = 5000;
/** What is read of an answer; whoever says more has said enough. */
const LONGEST_ANSWER_BYTES = 64 * 1024;

/** 4xx that tell of our own key or of a bad moment: an operator, or time, puts them right. */
const TEMPORARY_REFUSALS = [401, 403, 408, 425, 429];

export interface Post {
  url: string;
  headers: Record<string, string>;
  body: string;
  milliseconds?: number | undefined;
}

/**
 * One POST to an address from the settings. Follows no redirect, so that what it carries reaches nobody else;
 * a redirect counts as a wrong setting, which is temporary.
 *
 * @param detailOf picks a number out of a refusal's body, such as a provider's own error code
 * @throws {DeliveryFailure} unless the answer is a 2xx; it names the service, the status and the detail, and nothing of the
 *   request or the answer's text (R151)
 * @see R146; ASVS 5.0: 12.3.2, 13.2.4
 */
export async function post(
  service: string,
  request: Post,
  detailOf?: (answer: string) => number | undefined,
): Promise<void> {
  const { url, headers, body, milliseconds = LONGEST_MILLISECONDS } = request;
  let status: number;
  let answer: string;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'user-agent': 'Guichet', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(milliseconds),
    });
    status = response.status;
    // The status decides. A body that breaks off, or never ends, takes nothing of a yes back.
    answer = await beginningOf(response).catch(() => '');
  } catch (error) {
    throw new DeliveryFailure(`${service}: ${reasonOf(error)}`, { permanent: false });
  }
  if (status >= 200 && status < 300) return;
  const detail = detailOf?.(answer);
  throw new DeliveryFailure(`${service}: HTTP ${status}${detail === undefined ? '' : ` (${detail})`}`, {
    permanent: status >= 400 && status < 500 && !TEMPORARY_REFUSALS.includes(status),
  });
}

/** Leaving the loop early closes the connection. */
async function beginningOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= LONGEST_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, LONGEST_ANSWER_BYTES);
}

/** A code such as `ECONNREFUSED`: the texts of network errors name hosts and addresses. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: unknown; name?: string } };
  if (name === 'TimeoutError') return 'no answer in time';
  return typeof cause?.code === 'string' ? cause.code : (cause?.name ?? name ?? 'Error');
}
