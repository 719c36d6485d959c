import { wantsJson } from '../../http/accepts.ts';
import { type RedirectTo, redirectTo } from '../../http/contract.ts';
import type { Visit } from './visit.ts';

/** What a success answers to whom JSON is wanted by; a browser's own form is sent to the landing page. */
export const jsonOrHome = <Body>(visit: Visit, body: Body): Body | RedirectTo =>
  wantsJson(visit.call.header('accept')) ? body : redirectTo('/');
