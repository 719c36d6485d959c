// Kept as text, so that a build has nothing to copy.

const style = `:root { color-scheme: light dark; --ground: #f4f5f7; --sheet: #fff; --ink: #16191f; --quiet: #565e6b; --line: #d5d9e0; --edge: #767e8b; --accent: #1d4ed8; --on-accent: #fff; --alert: #a4161a; --on-alert: #fdf0f0; }
@media (prefers-color-scheme: dark) { :root { --ground: #101318; --sheet: #191d24; --ink: #e8eaee; --quiet: #a3abb8; --line: #333a45; --edge: #7d8694; --accent: #93b4ff; --on-accent: #10182b; --alert: #ffa8a3; --on-alert: #341a1c; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1rem; font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: var(--ground); overflow-wrap: anywhere; }
header, main { max-width: 32rem; margin: 0 auto; }
header { padding: .25rem 0 1rem; }
header a { display: inline-flex; gap: .5rem; align-items: center; font-weight: 600; color: inherit; text-decoration: none; }
main { padding: 1.5rem; background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem; }
main > :last-child, form > :last-child { margin-bottom: 0; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
p, dl, ul { margin: 0 0 1rem; }
p { text-wrap: pretty; }
ul { padding: 0; list-style: none; }
li + li { margin-top: .75rem; }
li a { font-weight: 600; }
li .quiet { display: block; }
a { color: var(--accent); }
.quiet, .hint, dt { color: var(--quiet); }
.hint { margin-top: .375rem; font-size: .875rem; }
.address { margin-top: -.75rem; font-size: 1.125rem; font-weight: 600; }
.code code { display: block; padding: .75rem 1rem; font: 600 1.125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; border: 1px solid var(--edge); border-radius: .5rem; word-break: break-all; -webkit-user-select: all; user-select: all; }
.alert { padding: .75rem 1rem; color: var(--alert); background: var(--on-alert); border: 1px solid; border-radius: .5rem; }
dl { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem; }
dl div + div { margin-top: .5rem; }
dd { margin: 0; }
form { margin-bottom: 1.5rem; }
form + form { padding-top: 1.5rem; border-top: 1px solid var(--line); }
label { display: block; font-weight: 600; }
.reveal { display: flex; gap: .5rem; align-items: center; min-height: 2.75rem; margin-bottom: .5rem; font-weight: 400; }
.reveal[hidden] { display: none; }
.reveal input { width: 1.25rem; height: 1.25rem; margin: 0; accent-color: var(--accent); }
input[type=password], input[type=text] { width: 100%; min-height: 2.75rem; margin-top: .375rem; padding: .5rem .75rem; font: inherit; color: inherit; background: var(--sheet); border: 1px solid var(--edge); border-radius: .5rem; }
input[aria-invalid] { border-color: var(--alert); }
button, .button { display: block; width: 100%; min-height: 2.75rem; padding: .625rem 1.25rem; font: inherit; font-weight: 600; line-height: 1.25; text-align: center; text-decoration: none; color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; cursor: pointer; }
button[hidden] { display: none; }
button.second { color: inherit; background: none; border-color: var(--edge); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (min-width: 40rem) { body { padding: 3rem 1rem; } main { padding: 2rem; } button, .button { width: auto; } .button { display: inline-block; } dl div { display: flex; gap: 1rem; } dt { flex: 0 0 8.5rem; } }
`;

const script = `'use strict';
// Every page works without this.

// A mailed token leaves the address bar and the history, and is not shared from there.
const query = new URLSearchParams(location.search);
if (query.has('token') || query.has('signature')) history.replaceState(null, '', location.pathname);

// A second press while the first is under way would find the link used.
let sent = false;
addEventListener('submit', (event) => {
  if (sent) event.preventDefault();
  sent = true;
});
addEventListener('pageshow', () => {
  sent = false;
});

for (const button of document.querySelectorAll('button[data-copies]')) {
  // Over plain http there is no clipboard.
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.nextElementSibling.textContent = button.dataset.done;
  });
}

for (const box of document.querySelectorAll('input[data-reveals]')) {
  const field = document.getElementById(box.dataset.reveals);
  box.closest('label').hidden = false;
  box.addEventListener('change', () => {
    field.type = box.checked ? 'text' : 'password';
  });
  // Sent as a password, or the browser would offer it again as a text.
  field.form.addEventListener('submit', () => {
    field.type = 'password';
  });
}
`;

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1d4ed8"/><path d="M9 24v-8a7 7 0 0 1 14 0v8z" fill="#fff"/><path d="M13.5 24v-4.5h5V24z" fill="#1d4ed8"/></svg>
`;

/** The pages' own files: path, type and text. */
export const assets: readonly { path: string; type: string; text: string }[] = [
  { path: '/assets/pages.css', type: 'text/css; charset=utf-8', text: style },
  { path: '/assets/pages.js', type: 'text/javascript; charset=utf-8', text: script },
  { path: '/assets/pages.svg', type: 'image/svg+xml', text: icon },
];
