import { createHash } from 'node:crypto';

const style = `
:root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 15vh auto; padding: 0 1rem }
input, button { font: inherit; box-sizing: border-box; width: 100%; padding: 0.5rem; margin: 0.25rem 0 1rem }
`;

/** The token leaves the address bar at once, and is sent to no one but the operation that it is for. */
const script = `
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
history.replaceState(null, '', location.pathname);
const form = document.querySelector('form');
const said = document.querySelector('output');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const [password, again] = [form.password.value, form.again.value];
  if (password !== again) return void (said.textContent = 'The two passwords differ.');
  form.lastElementChild.disabled = true;
  try {
    const answer = await fetch(location.pathname, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token, password }),
    });
    const body = await answer.json();
    said.textContent = answer.ok ? 'Your password is set. You can sign in as ' + body.email + '.' : body.detail;
    if (answer.ok) form.remove();
  } catch {
    said.textContent = 'Portcullis could not be reached. Try again.';
  }
  form.lastElementChild.disabled = false;
});
`;

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** One script and one style, by their digests, and requests to where the page came from: nothing else. */
export const acceptanceHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    `default-src 'none'; style-src ${hash(style)}; script-src ${hash(script)}; connect-src 'self'; ` +
    `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

/** Behind an invitation link: a password, twice. */
export const acceptancePage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Set your password</title>
<style>${style}</style>
</head>
<body>
<h1>Set your password</h1>
<form>
<label>Password, at least 12 characters
<input name="password" type="password" autocomplete="new-password" minlength="12" required autofocus></label>
<label>Once more
<input name="again" type="password" autocomplete="new-password" required></label>
<button>Set password</button>
</form>
<p><output role="status"></output></p>
<noscript><p>This page needs JavaScript, so that the secret in the link reaches no server log.</p></noscript>
<script>${script}</script>
</body>
</html>
`;
